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
# # Spread the load
#
# It is Monday, a week after the outage. The shop runs again, but the dashboards still show one busy server and others
# that idle. You have the balancer's config, a copy of the whole stack to try things on, and about 40 minutes.
#
# | machine | size | fair share |
# | --- | --- | --- |
# | app1 | 1 | 20 % |
# | app2 | 1 | 20 % |
# | app3 | 1 | 20 % |
# | app4 | 2 | 40 % |
#
# **By the end you can** predict each server's share from an upstream block, measure it by counting at the servers,
# find and mend what pushes traffic onto one server, and verify the mend in the situations that break mends.
#
# Nothing here can hurt anybody. The stack is yours alone: break it, roll it back, reset it, as often as you like.
# This notebook is your guide and your logbook. What is graded is the file `conf/nginx.conf` beside it.

# %% [markdown] nbgrader={"grade": false, "grade_id": "start", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. Start the stack
#
# Small shops and a real nginx in front of them, in a network of their own. This takes about a second.

# %%
from autograder.notebook import open_lab

lab = open_lab("spread-the-load")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "predict", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. Predict before you look
#
# Open [conf/nginx.conf](conf/nginx.conf) and read the `upstream` block. Of 100 requests, how many
# will each server get? Write your guess here *before* you send any. A wrong guess teaches more than a right one.

# %%
lab.predict(app1=20, app2=20, app3=20, app4=40)  # change the numbers to what you expect

# %% [markdown] nbgrader={"grade": false, "grade_id": "measure", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. See where the traffic goes
#
# 300 requests from 1,000 people in 250 networks. Every request carries a number of its own and is counted at the
# server that answered it, not in nginx's log.

# %%
lab.send(clients="many", requests=300)

# %% [markdown] nbgrader={"grade": false, "grade_id": "office-look", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# Was it what you expected? Which line made it so?
#
# Now the same from one large office, where everybody has one address. And then the evening peak: 125 people check out
# at once. What will happen to the busy server?

# %%
lab.send(clients="office")

# %%
lab.send(requests=400, checkout=True)

# %% [markdown] nbgrader={"grade": false, "grade_id": "mend", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. Mend one thing, measure, look again
#
# There are **three** mistakes, and one hides the other two. Change one thing in [conf/nginx.conf](conf/nginx.conf), save
# (Ctrl+S), apply it, and send traffic again. Repeat until the numbers are right, not until the file looks right.
#
# - `lab.apply()` checks the file, reloads nginx, and waits until the workers really run it.
# - `lab.roll_back()` loads the config that ran before, and puts it back in the file.
# - `lab.reset()` starts over. Your version is kept beside the file.
# - `lab.servers()` tells which servers are up; `lab.restart("app1")` starts one.

# %%
lab.apply()

# %%
lab.send(clients="many")

# %% [markdown] nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. Check your work
#
# Each check starts a fresh copy of the stack with your file and asks it one question. Run them as often as you like.
# They say what was observed, why, and where to look next. When you submit, the same checks are run again on the
# submitted file; what you see here is what the grader sees, with one more kind of client.

# %% nbgrader={"grade": true, "grade_id": "starts", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("starts")

# %% nbgrader={"grade": true, "grade_id": "spread", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("spread")

# %% nbgrader={"grade": true, "grade_id": "office", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("office")

# %% nbgrader={"grade": true, "grade_id": "one-down", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("one-down")

# %% nbgrader={"grade": true, "grade_id": "peak", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("peak")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. Debrief
#
# Nobody in this story was careless.
# A hash kept caches warm, a weight served a load test, a `down` protected a machine during maintenance.
# Each was right on its day, and nothing told anyone when the day was over.
#
# - Which of the three would a syntax check have found? (`lab.check_syntax()` on the first config tells.)
# - Which would a graph of each server's share have found, and how soon?
# - What could have removed the weight and the `down` on the day they were no longer needed?
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
