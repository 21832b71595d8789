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
# # Write it down
#
# It is the day after. The shop was down yesterday for more than an hour and a half, and runs again. Today you write the page
# that somebody will read in two years, at night, with something similar in front of them.
#
# You have the evidence: logs, the chat, git, alerts. You have about 45 minutes.
#
# **By the end you can** build a timeline from sources whose clocks differ; find the five moments of an outage, and count what
# users lost; name the cause, and blame nobody; and write actions that somebody will do.
#
# What is graded are the files [postmortem.md](postmortem.md) and [conf/haproxy.cfg](conf/haproxy.cfg).

# %%
from autograder.notebook import open_lab

lab = open_lab("write-it-down")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "evidence", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. The evidence
#
# | file | what it is | beware |
# | --- | --- | --- |
# | [evidence/balancer-by-minute.txt](evidence/balancer-by-minute.txt) | requests and failures of each minute | |
# | [evidence/deploys.txt](evidence/deploys.txt) | what ran from when | "ok" means that the reload worked |
# | [evidence/git-log.txt](evidence/git-log.txt) | what changed, newest first | whose clock is +0100? |
# | [evidence/alerts.txt](evidence/alerts.txt) | who was told, and when | it waits for five minutes |
# | [evidence/app1-log.txt](evidence/app1-log.txt) | one server's own view | its last second is missing |
# | [evidence/chat.txt](evidence/chat.txt) | what people saw and thought | the office's clock |
#
# Read all of it once. It takes five minutes.
#
# **Predict before you count.** How many requests did users lose? Which of the four gaps was the longest: change to first harm,
# first harm to somebody knew, somebody knew to cause known, cause known to users served? And why did 3917 requests
# fail in the one minute after the restart?

# %% [markdown] nbgrader={"grade": false, "grade_id": "trial", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. Try the cause
#
# A cause that nobody tried is a guess. The config of that morning is in [conf/haproxy.cfg](conf/haproxy.cfg).
#
# **Predict.** Of 100 requests, how many will each server get with it?

# %%
lab.predict(app1=25, app2=25, app3=25, app4=25)  # change the numbers to what you expect

# %%
lab.send()

# %% [markdown] nbgrader={"grade": false, "grade_id": "by-trial-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# Now undo what you think was the cause, and nothing else. Apply, and count again.

# %%
lab.apply()

# %% nbgrader={"grade": true, "grade_id": "by-trial", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("by-trial")

# %% [markdown] nbgrader={"grade": false, "grade_id": "facts", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. What happened
#
# [postmortem.md](postmortem.md) is a first draft, written in a bad hour. Fill it in, and rewrite what does not belong there.
#
# - Under **Five moments**: `change` is when the new config began to run, `first harm` the first minute with failed requests,
#   `somebody knew` when a person was looking, `cause known` when it was known *why*, and `users served` the first minute
#   without failures. All in UTC, as 09:05.
# - Under **What users felt**: how many requests failed, from the first harm to the end.
#
# Leave the headings as they are. A table, a list or sentences: as you like.

# %% nbgrader={"grade": true, "grade_id": "moments", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("moments")

# %% nbgrader={"grade": true, "grade_id": "counts", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("counts")

# %% [markdown] nbgrader={"grade": false, "grade_id": "why", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. Why
#
# **Predict.** If the page says "human error", what will be different next month?
#
# Quote the line that was the cause. Then say what let it through: what was looked at before it went live, and what could that
# not show? Under **Why it made sense at the time**, tell what people saw and knew, so that a stranger would have done the
# same; 25 words at least. Roles instead of names: "the engineer on call". What somebody said in the chat may be quoted, behind a `>`.

# %% nbgrader={"grade": true, "grade_id": "cause", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("cause")

# %% nbgrader={"grade": true, "grade_id": "blameless", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("blameless")

# %% [markdown] nbgrader={"grade": false, "grade_id": "next", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. What now
#
# Three actions are enough, if they happen. Each has a thing, one person (here a name is right), a day within the year, and a
# kind: **prevent** it, **notice** it, **shorten** it. Take them from at least two kinds. Write them into the table, or as
# points of a list: kind: what (who, until when).

# %% nbgrader={"grade": true, "grade_id": "actions", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("actions")

# %% [markdown] nbgrader={"grade": false, "grade_id": "by-a-person", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. What only a person can judge
#
# A machine has looked at what can be counted. Whether your page helps a stranger is for a person to say. These five questions
# are what your instructor looks at, a point each: 1 is "yes", ½ is "partly".
#
# 1. After the first two sentences, do I know what broke, for whom, how long, and what ended it?
# 2. Could I have acted as the people in it did? Or did I think "how could they"?
# 3. Is it told what let the change through: two conditions at least, besides the line itself?
# 4. Does each action close a gap that I can point at in the timeline? Has the longest gap the strongest action?
# 5. Does it say what went well, and where they were lucky?
#
# In the cell below, write for the person who reads it: the first two sentences of your page; the longest gap, and the action
# that closes it; what went well, and where they were lucky. 150 words are enough. If you learn without an instructor, swap
# pages with a neighbour, and give each other the points.

# %% [markdown] nbgrader={"grade": true, "grade_id": "for-a-stranger", "locked": false, "points": 5, "schema_version": 3, "solution": true, "task": false, "cell_type": "markdown"}
# *Write here.*

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 7. Debrief
#
# - What did I learn that I could use on another system?
# - Which sentence of my page will somebody quote in two years?
#
# Then compare with your prediction: which gap was the longest, and is your strongest action about that one?
#
# More in module 11 of the course: *Learning from it*, *The timeline*, *Actions that happen*. The template is on the course's
# page of templates.
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
