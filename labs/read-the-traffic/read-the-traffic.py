# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Many Hands
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "intro", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# # Read the traffic
#
# In the outage of 1 March it took a quarter of an hour until somebody saw that one server got everything. Nothing
# was hidden: nobody had a number to look at. In this lab you learn to get that number, in three ways, and to say
# what it is a part of.
#
# A request for a page goes to nginx (`lb`), which chooses one of three machines. A checkout goes to nginx as well, but
# nginx hands it on to HAProxy (`desk`), and HAProxy chooses one of two tills.
#
# | machine | stands behind | size | fair share of its pool |
# | --- | --- | --- | --- |
# | app1 | nginx | twice the others | 50.0 % |
# | app2 | nginx | 1 | 25.0 % |
# | app3 | nginx | 1 | 25.0 % |
# | till1 | HAProxy | 1 | 50 % |
# | till2 | HAProxy | 1 | 50 % |
#
# **By the end you can** predict shares from two kinds of config, measure them in logs and at the servers, make a log
# say which server answered, and tell a large share from one that is too large.
#
# Nothing here can hurt anybody. What is graded are three files in this folder: `conf/nginx.conf`,
# `conf/haproxy.cfg` and `answers.json`.

# %% [markdown] nbgrader={"grade": false, "grade_id": "start", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. Start the stack

# %%
from autograder.notebook import open_lab

lab = open_lab("read-the-traffic")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "predict", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. Predict before you look
#
# Read [conf/nginx.conf](conf/nginx.conf) and [conf/haproxy.cfg](conf/haproxy.cfg). Then open
# [answers.json](answers.json), and write under `predicted`: of 100 pages, how many will each of the three get? And of
# 100 checkouts, how many will each till get? Save (Ctrl+S).
#
# A prediction is never marked wrong. It is only asked for: you see more in a number that you did not expect.

# %% nbgrader={"grade": true, "grade_id": "predicted", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("predicted")

# %% [markdown] nbgrader={"grade": false, "grade_id": "measure", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. Count at the servers
#
# First 300 pages, then 100 checkouts. Every request carries a number of its own, and each server writes down the
# numbers it answered. This is the surest way to count. In production it is often the one you do not have.
#
# The picture compares each server with what would be fair if *all* traffic went to *all* five, so it will complain.
# There are two pools here: work out the shares of each pool yourself.

# %%
lab.send(requests=300)

# %%
lab.send(requests=100, checkout=True)

# %% [markdown] nbgrader={"grade": false, "grade_id": "logs", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# Which number surprised you?
#
# ## 4. Count in the logs
#
# The same traffic, as both balancers wrote it down:

# %%
print(lab.logs("lb")[-600:])

# %%
print(lab.logs("desk")[-600:])

# %% [markdown] nbgrader={"grade": false, "grade_id": "formats", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# Who asked, for what, with which status, how long it took. **Not who answered.** With these logs nobody can tell that one
# server gets everything.
#
# Change both formats so that every line names the server: in [conf/nginx.conf](conf/nginx.conf) the `log_format`, in
# [conf/haproxy.cfg](conf/haproxy.cfg) the `log-format`. Keep the path in the line, with what
# follows its question mark. Then apply, send a few, and look.

# %%
lab.apply()

# %%
lab.send(requests=60)
print(lab.logs("lb")[-600:])

# %%
lab.send(requests=20, checkout=True)
print(lab.logs("lb")[-300:])
print(lab.logs("desk")[-300:])

# %% [markdown] nbgrader={"grade": false, "grade_id": "count", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# Now a log can be counted by a machine. This takes the last word of each of the last 60 lines; change it if your format
# has the server elsewhere.

# %%
from collections import Counter

lines = lab.logs("desk").splitlines()[-60:]
Counter(line.split()[-1] for line in lines if "/checkout" in line)

# %% [markdown] nbgrader={"grade": false, "grade_id": "write", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. Write down what you measured
#
# In [answers.json](answers.json), under `measured`, in per cent:
#
# - `app1`, `app2`: their shares of the pages;
# - `till1`: its share of the checkouts;
# - `till1 of everything`: its share of 300 pages and 100 checkouts together.
#
# And under `read`, each with one name or one number:
#
# - `who chose the till`: `nginx` or `HAProxy`?
# - `nginx logs for a checkout`: which machine does nginx's log name for a checkout, now that it names one? The log has
#   its address; the port tells which it is.
# - `furthest above its fair share`: which of the five servers?
# - `peak to fair of the tills`: the busier till's share of the checkouts, divided by its fair share.
#
# The questions are about the stack as you were given it. The examiner sends such traffic itself, and counts.

# %% [markdown] nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. Check your work
#
# Each check says what was observed, why, and where to look next. Run them as often as you like.

# %% nbgrader={"grade": true, "grade_id": "starts", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("starts")

# %% nbgrader={"grade": true, "grade_id": "pages-log", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("pages-log")

# %% nbgrader={"grade": true, "grade_id": "tills-log", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("tills-log")

# %% nbgrader={"grade": true, "grade_id": "measured", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("measured")

# %% nbgrader={"grade": true, "grade_id": "read", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("read")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 7. Debrief
#
# - A share is a part *of something*. How would you say the number for till1 so that nobody can take it for another?
# - The line that gives till1 more had a reason on its day. Who would have to know that the day is over?
# - Your log now tells which server answered. How long would it take *somebody else*, at three in the morning, to get
#   a share out of it? What would make that shorter?
# - nginx's log names `desk` for every checkout. How would a graph made from this log alone look on a day on which all
#   checkouts went to one till?
#
# More on this: the course's page *Count before you believe*, in module 1.
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
