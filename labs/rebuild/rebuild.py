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
# # Rebuild
#
# It is 10:50. The machine of the balancer is gone, and its disk with it. A new one stands there: HAProxy is installed, and
# nothing else. Until something is restored, it tells everybody just that, with a 503. Four servers wait behind it. There
# are backups. Nobody knows which of them can be used.
#
# First you bring the shop back by hand. Then you write `restore.sh`, in this folder: the steps that somebody else, or a
# machine, can follow at night. You have about 60 minutes.
#
# **By the end you can** find the newest backup that can be used; restore config, certificate, key and state, and nothing
# unchecked; say how much was lost; and write steps that can be run twice.
#
# Nothing here can hurt anybody. What is graded are the files [conf/haproxy.cfg](conf/haproxy.cfg),
# [conf/certs/shop.pem](conf/certs/shop.pem) and [restore.sh](restore.sh).

# %%
from autograder.notebook import open_lab

lab = open_lab("rebuild")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "sets", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. Which one would you take?
#
# In [backups](backups) there are five sets. The name of each is the time when it was taken.
#
# ```text
# backups/
#   2023-02-28T0835/   haproxy.cfg   certs/shop.pem   state/servers.state
#   2023-02-28T1500/   …
#   2023-02-28T2125/   …
#   2023-03-01T0350/   …
#   2023-03-01T1015/   …
# ```
#
# `certs/shop.pem` is the certificate with its private key. It was made for this lab, and opens no other door.
# `state/servers.state` is what HAProxy had been told about its servers: the seventh word of a server's line is not 0 when
# somebody took it out.
#
# **Predict before you look.** The machine was lost at 10:50. Which set is the newest? How much is lost if you take it? And
# how sure are you, from 0 to 10, that it can be used?

# %% [markdown] nbgrader={"grade": false, "grade_id": "by-hand-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. By hand
#
# Copy `haproxy.cfg` of a set over [conf/haproxy.cfg](conf/haproxy.cfg), and its `shop.pem` over
# [conf/certs/shop.pem](conf/certs/shop.pem). Apply, and look at the traffic. Go on to another set if this one is of no use.
#
# - `lab.check_syntax()` asks HAProxy whether it would take the files.
# - `lab.apply()` checks, loads, and waits until that is what runs.
# - `lab.send()` sends requests and counts who answers.
#
# **Predict each time:** will HAProxy take it? If so, who will answer?

# %%
lab.apply()

# %%
lab.send()

# %% nbgrader={"grade": true, "grade_id": "by-hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("by-hand")

# %% [markdown] nbgrader={"grade": false, "grade_id": "script", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. Write it down as a script
#
# [restore.sh](restore.sh) is what the wiki had. Read it. What would it do on the new machine?
#
# It will be started so, with **other sets**: their times, which of them cannot be used, and why, differ from run to run.
#
# ```text
# restore.sh BACKUPS LOST-AT        restore.sh /given 2023-03-01T1050
# ```
#
# | What it finds | Where |
# | --- | --- |
# | the sets, a folder each, as in `backups` here | the folder that it is given |
# | an empty machine: the config goes to | `/etc/haproxy/haproxy.cfg`, `/etc/haproxy/certs/shop.pem` |
# | the state, which HAProxy reads whenever it loads its config | `/var/lib/haproxy/servers.state` |
# | `haproxy -c -f FILE`, `systemctl start haproxy` (`reload`, `is-active`), `curl`, `sed`, `grep`, `date`, `python3` | in its path; there is no `awk` |
# | the names of all servers, one a line | beside the script, `servers` |
# | HAProxy's Runtime API: `./ask "show servers state"` | beside the script, `ask` |
# | the balancer itself, for a look from outside | `http://localhost/`: each page names the server that answered |
#
# It ends with **0** when users are served by every server that should serve. Then its **last line** names the set, and the
# minutes from the set's time to the loss: that is your recovery point (RPO). When no set can be used, it ends with anything
# else. It may be written in Python, if its first line says so (`#!/usr/bin/env python3`). It is ended after 90 seconds.
#
# The recovery time (RTO) that the shop has decided is 20 minutes. In the last drill every start or reload, with a look at the
# traffic, took four. So there is time for **five**.
#
# Each of these checks starts a machine of its own and runs your script there. That takes some seconds. Begin with the first
# one, and mend one thing at a time. `lab.hint("serves")` gives a hint.

# %% nbgrader={"grade": true, "grade_id": "serves", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("serves")

# %% nbgrader={"grade": true, "grade_id": "newest", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("newest")

# %% nbgrader={"grade": true, "grade_id": "validated", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("validated")

# %% [markdown] nbgrader={"grade": false, "grade_id": "more", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. What is not in the config
#
# **Predict.** Users are served, and spread. Who can read the private key now? And one of the servers had been taken out by
# hand last night, because it sells at last year's prices. It answers health checks. What will it get?

# %% nbgrader={"grade": true, "grade_id": "keys", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("keys")

# %% nbgrader={"grade": true, "grade_id": "state", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("state")

# %% [markdown] nbgrader={"grade": false, "grade_id": "time", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. In time, and true
#
# **Predict.** How often does your script start or reload HAProxy until it finds the right set? What does it say when there is
# none?

# %% nbgrader={"grade": true, "grade_id": "in-time", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("in-time")

# %% nbgrader={"grade": true, "grade_id": "truth", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("truth")

# %% [markdown] nbgrader={"grade": false, "grade_id": "again", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. Again
#
# Two people follow the same runbook, as happens in a night like this. The second begins when the first has ended.
#
# **Predict.** Users are served. What do they feel of your script?

# %% nbgrader={"grade": true, "grade_id": "twice", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("twice")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 7. Debrief
#
# Every set looked well in a list of files. Whoever set up the backups did what was asked: files were copied, each day, and
# nobody had asked for a restore.
#
# - Which of the useless sets could a machine have found on the day it was made? What would it have had to do?
# - Which one did HAProxy take without a word? What does that say about a restore that ends with “configuration is valid”?
# - How much was lost, in minutes? Who should have decided whether that is too much, and when?
# - Look at your script as a colleague will at four in the morning. After which of its steps do they know where they are?
#
# More in module 10 of the course: *When the machine is gone*, *Everything it needs*, *A runbook for somebody else*.
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
