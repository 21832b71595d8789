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
# # It rolls itself back
#
# The outage took ninety minutes. Rolling back took two. The rest was noticing, looking, and deciding. After it, the shop
# promised a rollback that starts by itself. Today you write it: `watchdog.py`, in this folder.
#
# That is a promise with teeth. A watchdog that sleeps is useless, and one that barks at everything undoes good work at
# three in the morning. You have about 60 minutes.
#
# **By the end you can** detect from a balancer's counters that a change does harm; tell harm from what is meant, and from
# what will pass; undo a change once, and stop when that does not help; and write a log that others can read.
#
# Nothing here can hurt anybody. What is graded is [watchdog.py](watchdog.py). The config in
# [conf/haproxy.cfg](conf/haproxy.cfg) is for you to play with.

# %%
from autograder.notebook import open_lab

lab = open_lab("it-rolls-itself-back")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "look", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. What does harm look like in numbers?
#
# The config that runs now has a change in it: `balance hdr(host)`. **Predict:** of 100 requests, how many will each server
# get? Every browser asks for the same shop.

# %%
lab.predict(app1=25, app2=25, app3=25, app4=25)  # change the numbers to what you expect

# %%
lab.send()

# %% [markdown] nbgrader={"grade": false, "grade_id": "small", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# That was plain. **Predict again:** put `balance roundrobin` back, and then `balance random`. Both are fair. After 12
# requests, what would you expect to see? After 300?

# %%
lab.apply()

# %%
lab.send(requests=12)

# %%
lab.send(requests=300)

# %% [markdown] nbgrader={"grade": false, "grade_id": "decide", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# With few requests, fair looks unfair. So a watchdog needs to know how many requests are enough, and how often in a row
# it wants to see the same, before it believes it. The price of waiting is paid by users. Write down your two numbers.
#
# - How many requests do you look at together?
# - How often in a row must they be bad?
#
# ## 2. The watchdog's world
#
# `watchdog.py` is started on the balancer's machine and runs until it is stopped. It finds:
#
# | What | Where |
# | --- | --- |
# | the config that lies on disk; it may write it | `/etc/haproxy/haproxy.cfg` |
# | every release, the newest last; all were fine once, but perhaps the newest | `/srv/shop/releases/0001.cfg`, `0002.cfg`, … |
# | what is meant | `/srv/shop/intent.json`: `{"shares": {"app4": 0.03}, "maintenance": ["app2"]}` |
# | HAProxy's counters: `show stat`, one command for each connection | `/run/manyhands/runtime.sock` |
# | `haproxy -c -f FILE`, `systemctl reload haproxy` | in its path |
# | its own folder, for its log | `/work` |
#
# The counters begin at nothing each time HAProxy loads a config. The line `BACKEND` has all requests of the pool, also those
# that no server answered.
#
# **What it is to do.** When a *new* release does harm, put the release before it back, reload, once. If that does not
# help, say so and stop. A share that was meant is no harm, nor is a server in maintenance. A server that stumbles for up
# to 100 requests is not worth a rollback. A change that does harm is to be undone within 400 requests.
#
# **What it is to write**, one JSON object a line, in `/work/audit.jsonl`: `{"action": "rollback", "why": "…"}` for each
# rollback, `{"action": "give-up", "why": "…"}` when that did not help and it acts no more. Each reason has a number in it.
#
# The one you were given is a first try. It runs. **Predict** which of the checks below it passes, before you run one.

# %% [markdown] nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. What is bad is undone
#
# Each check starts a stack of its own with your watchdog beside it. Requests come in rounds of 80; after each round your
# watchdog has the time to look twice. So requests are the clock, and a slow machine makes nobody late. When graded, the
# change is another one of its kind. `lab.hint("pinned")` gives a hint.

# %% nbgrader={"grade": true, "grade_id": "pinned", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("pinned")

# %% nbgrader={"grade": true, "grade_id": "errors", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("errors")

# %% [markdown] nbgrader={"grade": false, "grade_id": "spare", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. What is meant, and what will pass
#
# **Predict:** how many of 80 requests will app4 get, as a canary with 3 %? How many could it get by chance?

# %% nbgrader={"grade": true, "grade_id": "canary", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("canary")

# %% nbgrader={"grade": true, "grade_id": "maintenance", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("maintenance")

# %% nbgrader={"grade": true, "grade_id": "noise", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("noise")

# %% [markdown] nbgrader={"grade": false, "grade_id": "stop", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. When it does not help
#
# **Predict:** every server begins to fail at the very moment of a release that is fine. What will your watchdog do, and
# then, and then?

# %% nbgrader={"grade": true, "grade_id": "hopeless", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("hopeless")

# %% nbgrader={"grade": true, "grade_id": "audit", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("audit")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. Debrief
#
# - How many requests did your watchdog need? How many users of the first of March would have seen an error?
# - Make it twice as fast. Which check turns red first? Which mistake costs the shop more: one rollback too many, or one too
#   few?
# - Who is told when it gives up? At three in the morning, who should be?
# - A watchdog is a change, too. Who reviews it, and what stops *it* when it is wrong?
#
# The engineers who have one call it boring. That is the best that can be said of it. More in module 8 of the course.
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
