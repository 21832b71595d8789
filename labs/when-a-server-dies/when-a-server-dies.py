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
# # When a server dies
#
# Last night a machine of the shop died. That happens. What should not happen: for forty minutes one visitor in three
# waited for seconds and then read an error, with two healthy machines beside it. This morning somebody found two orders that
# were carried out twice. The config says `option httpchk`. "We have health checks", everybody thought.
#
# You have the config, a copy of the whole stack that you may break as you like, and about 50 minutes.
#
# **What the shop needs**
#
# - A server dies, fails or hangs: people notice nothing, or as little as can be, and soon nothing.
# - A server that is well again works again.
# - An order is never carried out twice.
# - A reload loses nobody.
#
# **By the end you can** tell dead from sick from hung, write checks that run and ask the right question, decide which
# requests may be tried again, and reload without losing an order.
#
# What is graded is the file `conf/haproxy.cfg` in this folder. The module to read: *What is a dead server?*, module 3 of
# the course.

# %% [markdown] nbgrader={"grade": false, "grade_id": "start", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. Start the stack

# %%
from autograder.notebook import open_lab

lab = open_lab("when-a-server-dies")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "predict", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. Predict before you break it
#
# Read [conf/haproxy.cfg](conf/haproxy.cfg). Then write down, for 90 requests and one server of three in trouble: how many fail?
#
# | the server | your guess | counted |
# | --- | --- | --- |
# | is dead: nobody answers at its port | | |
# | fails: every page is an error, at once | | |
# | hangs: it takes the connection and never answers | | |

# %%
lab.kill("app2")
lab.send(requests=90)

# %% [markdown] nbgrader={"grade": false, "grade_id": "time", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# How many failed, and how long did they wait for it? Look at what HAProxy wrote. The word before the status tells why:
# `SC--` is *the server did not take the connection*.

# %%
print("\n".join(str(lab.logs("lb")).splitlines()[-6:]))

# %%
lab.restart("app2")

# %% [markdown] nbgrader={"grade": false, "grade_id": "checks-run", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. Checks that run
#
# One line says *how* to check. Does any line say *that* it is checked?
#
# Change one thing, save, apply, kill the server again, and count again. Then ask the four questions below. Each of them starts a
# fresh copy of the stack and makes one thing go wrong.

# %%
lab.apply()

# %%
lab.kill("app2")
lab.send(requests=90)

# %%
lab.restart("app2")

# %% nbgrader={"grade": true, "grade_id": "dies", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("dies")

# %% nbgrader={"grade": true, "grade_id": "sick", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("sick")

# %% nbgrader={"grade": true, "grade_id": "hangs", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("hangs")

# %% nbgrader={"grade": true, "grade_id": "back", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("back")

# %% [markdown] nbgrader={"grade": false, "grade_id": "retries", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. Retries that help, and one that harms
#
# A retry is right when nothing was done yet. When is that certain?
#
# | what happened | may the server have done it? | try a page again? | try an order again? |
# | --- | --- | --- | --- |
# | the connection was refused | | | |
# | the request was sent, then the connection broke | | | |
# | the request was sent, and no answer came for 5 s | | | |
# | the answer was *500* | | | |
#
# Fill in the table. Then find the line in the config that gives one answer for all rows.

# %% nbgrader={"grade": true, "grade_id": "once", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("once")

# %% [markdown] nbgrader={"grade": false, "grade_id": "reload-look", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. A reload that waits
#
# `lab.apply()` reloads HAProxy. You have done it a few times now, with nobody in the shop. The next check does it three times
# while people are checking out. An order takes 2 s, for it asks the bank. Predict: will one be lost?

# %% nbgrader={"grade": true, "grade_id": "reload", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("reload")

# %% [markdown] nbgrader={"grade": false, "grade_id": "rest", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. The rest

# %% nbgrader={"grade": true, "grade_id": "starts", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("starts")

# %% nbgrader={"grade": true, "grade_id": "spread", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("spread")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 7. Debrief
#
# Every line had a reason. `hard-stop-after` ended processes that piled up. `retry-on` saved a few orders on a bad day. The
# checks were described with care, and one word was missing.
#
# - HAProxy accepted all of it without a warning. Which five-minute drill would have found the missing word months ago?
# - A server answers errors because the *database* is down. All fail their checks at once. What do people see then, and what
#   would you want them to see?
# - Two of three servers can carry the traffic of a quiet night. Can they carry an evening? Whom would you ask before
#   you take one out for maintenance?
# - Who should learn that an order may be done twice: the balancer, the shop, or the bank?
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
