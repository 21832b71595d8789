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
# # Too much
#
# Last year, on the big day, the shop's machines died one after the other. Each was restarted, and each died again
# within a minute. The big day comes again in a week. Two more machines were ordered and will not be here in time.
#
# You have the balancer's config, a copy of the whole stack, and about 50 minutes.
#
# | | each machine | says |
# | --- | --- | --- |
# | works on | 2 orders at a time | an order takes 400 ms |
# | lets wait | 24 requests | one more, and its memory is full and it dies |
#
# **What the shop needs**
#
# - An ordinary evening, 24 people at the checkout at once: all of them are served.
# - The big day, 180 people at once: nothing crashes. Many are served, no worker of a machine stands idle meanwhile, and the
#   others are told within eight seconds, for then they leave.
# - When everything fails, the balancer must not make it worse.
# - When the crowd has gone, everything works again, and nobody had to help.
#
# **By the end you can** calculate what a pool can serve and hold, put a queue in the right place and end it in time, and say what
# a retry costs.
#
# What is graded is the file `conf/haproxy.cfg` in this folder. The module to read: *Overload*, module 4 of the course.

# %% [markdown] nbgrader={"grade": false, "grade_id": "predict", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. Calculate before you look
#
# Take pen and paper. For all machines together:
#
# 1. How many orders are finished in a second?
# 2. How many requests can be inside the machines, in work and waiting, before one dies?
# 3. 24 people are at the checkout all the time. How long does each wait?
# 4. 180 people come at once. How many of them can be served before they leave?
# 5. Each request is tried three more times when it fails. All machines fail. How much work is that?
#
# Keep the numbers. Every check below is one of them.

# %% [markdown] nbgrader={"grade": false, "grade_id": "start", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. Start the stack, and an ordinary evening

# %%
from autograder.notebook import open_lab

lab = open_lab("too-much")
lab

# %%
lab.send()

# %% nbgrader={"grade": true, "grade_id": "peak", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("peak")

# %% [markdown] nbgrader={"grade": false, "grade_id": "crowd", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. The big day
#
# Predict first: which machine dies first, and what happens to the others then? These 180 people come at once.

# %%
lab.send(requests=180, checkout=True)

# %%
lab.servers()

# %% [markdown] nbgrader={"grade": false, "grade_id": "again", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# "Restart them", somebody says. Before each action ask: *what will be different afterwards?* Memory will be empty. Will fewer
# people come? Will a machine take fewer of them? Try it.

# %%
lab.bring_back()
lab.send(requests=180, checkout=True)

# %% [markdown] nbgrader={"grade": false, "grade_id": "restart", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# A restart throws away what a process has in memory. The crowd is not in its memory.
#
# Read [conf/haproxy.cfg](conf/haproxy.cfg) and find where 180 people wait. There are three places:
#
# | place | room | who pays | who tells them that it is over? |
# | --- | --- | --- | --- |
# | inside a machine | 24, then it dies | everybody on it | nobody |
# | in HAProxy | thousands | nobody | HAProxy, if it knows when |
# | before HAProxy's door | thousands | nobody | nobody |
#
# Choose the place. Then choose how many a machine takes, and how long the others wait. Your numbers from part 1 decide both.

# %%
lab.bring_back()
lab.apply()

# %%
lab.send(requests=180, checkout=True)

# %% nbgrader={"grade": true, "grade_id": "surge", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("surge")

# %% [markdown] nbgrader={"grade": false, "grade_id": "storm-look", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. When everything fails
#
# A line in the pool says that no visitor shall see an error. For one bad machine that works. Now let all of them fail. How
# often will the machines be asked for 48 requests?

# %% nbgrader={"grade": true, "grade_id": "storm", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("storm")

# %% [markdown] nbgrader={"grade": false, "grade_id": "rest", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. The rest, and afterwards

# %% nbgrader={"grade": true, "grade_id": "after", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("after")

# %% nbgrader={"grade": true, "grade_id": "office", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("office")

# %% nbgrader={"grade": true, "grade_id": "spread", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("spread")

# %% nbgrader={"grade": true, "grade_id": "starts", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("starts")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. Debrief
#
# "Nobody is turned away" sounds kind. On the big day it meant that everybody was.
#
# - Who decided, last year, whom the shop would not serve? (Nobody did. The memory of the first machine did.)
# - 180 people came, and you served some of them. What should the others read? Write the sentence that stands on that page.
# - What would you want to see on a graph an hour before: errors, answer times, or how many wait?
# - A machine is missing on the big day. Do your limits still hold? Which number changes?
# - The limit protects the machines from the crowd. What protects the *database* behind them?
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
