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
# # Roll it back
#
# It is 10:50. Nearly all requests of the shop reach one server. There is a pair of balancers in front of four servers of
# one size, and the pair's config is in git. Somebody will roll a change back. Today it is you.
#
# First you do it by hand, on a stack of your own. Then you write the script that does it next time: `rollback.sh`, beside
# this notebook. It will be run while users keep coming, on both balancers, and twice. You have about 60 minutes.
#
# **By the end you can** undo one change and keep the good ones after it; write a script that checks, reloads, clears what
# was set by hand, and looks before it says yes; and tell when a rollback did not help.
#
# Nothing here can hurt anybody. What is graded are the files [conf/haproxy.cfg](conf/haproxy.cfg) and
# [rollback.sh](rollback.sh).

# %%
from autograder.notebook import open_lab

lab = open_lab("roll-it-back")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "log", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. What changed?
#
# This is what `git log` says, newest first, with the lines that each change took away (-) and added (+):
#
# ```text
# room           Room for more connections            maxconn 2000          →  maxconn 4000
# compress       Compress pages                       +  compression algo gzip
# app4           Add app4                             +  server app4 app4:8080 check inter 500 rise 1
# hash           Hash for warm caches                 balance roundrobin    →  balance hdr(host)
# slow-clients   Give slow phones a minute            timeout client 30s    →  timeout client 60s
#                First version
# ```
#
# **Predict before you look.** Of 100 requests, how many will each server get with this config? Every browser asks for the
# same shop.

# %%
lab.predict(app1=25, app2=25, app3=25, app4=25)  # change the numbers to what you expect

# %%
lab.send()

# %% [markdown] nbgrader={"grade": false, "grade_id": "by-hand-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. Undo it by hand
#
# **Predict again.** Somebody in the chat says: “Take yesterday's file, it worked.” Which of the five changes would that
# undo? Which of them do you want to keep?
#
# Now undo **one** change in [conf/haproxy.cfg](conf/haproxy.cfg), save, apply, and count.
#
# - `lab.check_syntax()` asks HAProxy whether it would take the file.
# - `lab.apply()` checks it, reloads both balancers, and waits until that is what runs.
# - `lab.diff()` shows what you changed. The check counts where requests go; that the good changes are still there, look here.
# - `lab.rollback()` loads what ran before. Try it once, and look at the numbers: it is quick, and it goes back *one load*,
#   whatever that was.

# %%
lab.apply()

# %%
lab.send()

# %% nbgrader={"grade": true, "grade_id": "by-hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("by-hand")

# %% [markdown] nbgrader={"grade": false, "grade_id": "script", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. Write it down as a script
#
# [rollback.sh](rollback.sh) was found in a drawer. It has been used once. Read it. What would it do on your pair?
#
# It will be started so, on lb1 and then on lb2:
#
# ```text
# rollback.sh COMMIT REASON        rollback.sh 3f2c1aa "nearly all requests reached one server, INC-2856"
# ```
#
# | What it finds | Where |
# | --- | --- |
# | the config, a git repository, branch `main` | `/etc/haproxy` |
# | what was saved of the servers at 10:45 | `/var/lib/haproxy/servers.state` |
# | `haproxy -c -f FILE`, `systemctl reload haproxy`, `git`, `curl`, `sed`, `grep`, `python3` | in its path; there is no `awk` |
# | HAProxy's Runtime API: `./ask "show servers state"` | beside the script, `ask` |
# | the balancer itself, for a look from outside | `http://localhost/`: each page names the server that answered |
#
# What has happened until 10:50, beside the bad change:
#
# - app4 crashed at 10:12. At 10:40 somebody took it out by hand (`set server shop/app4 state maint`). It has been running
#   again since 10:42.
# - At 10:45 somebody set app3's weight to nothing, “to try”, and saved the state for the next reload.
# - On lb2 somebody has undone the change in git, and was called away before the reload.
#
# The script ends with **0** when it is over: every server up, nobody with more than twice its share. It ends with
# anything else when it is not: the change cannot be undone alone, or it was undone and did not help. It may be written in
# Python, if its first line says so (`#!/usr/bin/env python3`). Which change is bad, and which good ones come after it,
# differs from run to run. It is ended after 90 seconds.
#
# Each of these checks starts a pair of its own, with users who keep coming, and runs your script there. That takes some
# seconds. Begin with the first one, and mend one thing at a time. `lab.hint("history")` gives a hint.

# %% nbgrader={"grade": true, "grade_id": "only-the-bad", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("only-the-bad")

# %% nbgrader={"grade": true, "grade_id": "history", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("history")

# %% nbgrader={"grade": true, "grade_id": "validated", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("validated")

# %% nbgrader={"grade": true, "grade_id": "reloaded", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("reloaded")

# %% nbgrader={"grade": true, "grade_id": "nothing-lost", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("nothing-lost")

# %% nbgrader={"grade": true, "grade_id": "running-is-disk", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("running-is-disk")

# %% [markdown] nbgrader={"grade": false, "grade_id": "after", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. Is it over?
#
# **Predict.** Your script has undone the change, HAProxy has loaded it, the file is right. app3 and app4: what will they
# get? Where would you look?

# %% nbgrader={"grade": true, "grade_id": "state-cleared", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("state-cleared")

# %% nbgrader={"grade": true, "grade_id": "servers-back", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("servers-back")

# %% nbgrader={"grade": true, "grade_id": "truth", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("truth")

# %% [markdown] nbgrader={"grade": false, "grade_id": "again", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. Again, and over there
#
# **Predict.** What does `git revert` say when it is asked for the same commit a second time? What does your script do with
# that answer, on lb1 and on lb2?

# %% nbgrader={"grade": true, "grade_id": "twice", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("twice")

# %% nbgrader={"grade": true, "grade_id": "both", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("both")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. Debrief
#
# Everybody in this story tried to help: who took app4 out, who tried a weight, who began to roll lb2 back. None of it was
# written down, so each of them left something that the next one could not see.
#
# - Which of your checks would have been green after a plain `git checkout` and a restart? What did the users see then?
# - Your script looks at the file, the process, and the traffic. Which of the three would you drop if it had to take half
#   the time? What could then go unnoticed?
# - What would the pair need so that nobody has to start the script a second time, on lb2?
# - Where do you keep this script, so that it is found at eleven o'clock, and not in a drawer?
#
# More in module 8 of the course: *Undo one change*, *Revert, not reset*, *Is it really over?*
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
