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
# # The first of March
#
# You are on call. When you begin, a pager fires: a shop fails, and everybody wants to know why. All that this course is
# about comes at once, and a clock runs. You have about 60 minutes: one shift of half an hour, a debrief, and time for a second try.
#
# **By the end you can** find out which machine answers and what changed, before you touch anything; undo one change of
# several on both balancers; count who answers before you say that it is over; and tell people what is known, in time,
# with numbers that are true and without blame.
#
# Nothing here can hurt anybody. The shop, its balancers and its users are your own. What is graded are
# [shift.jsonl](shift.jsonl), which writes itself as you act, and [debrief.md](debrief.md), which you write at the end.

# %%
from autograder.notebook import open_lab, take_shift

lab = open_lab("first-of-march")
shift = take_shift(lab)
shift

# %% [markdown] nbgrader={"grade": false, "grade_id": "before", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. Before the pager
#
# Four machines of one size stand behind two balancers, lb1 and lb2. Half of the users come by each. A fifth machine is
# a spare, and off. The balancers' config is in git. A balancer runs what it was last *told to load*, whatever stands in git.
#
# | You can | with |
# | --- | --- |
# | look | `shift.shares()`, `shift.errors()`, `shift.logs("lb1")`, `shift.history()`, `shift.change(COMMIT)` |
# | change what stands in git | `shift.revert(COMMIT, WHY)` takes back one change; `shift.go_back(COMMIT, WHY)` puts a whole version back; `shift.reset_to(COMMIT)` forgets what came after; `shift.commit(WHY)` takes [conf/haproxy.cfg](conf/haproxy.cfg) as you saved it |
# | do something to machines | `shift.reload("lb1")`, `shift.restart(SERVER)`, `shift.restart_balancer("lb1")`, `shift.bigger(SERVER)`, `shift.add_server()` |
# | talk to people | `shift.chat()`, `shift.tell(TEXT)`, `shift.escalate()`, `shift.all_clear(TEXT)` |
#
# What a good shift looks like, in minutes of the story after the pager (the clock runs faster than yours):
#
# - within 10, people hear that you know of it; then something every 20, until it is over;
# - within 15, you have counted who answers; within 35, you have found the change that did it;
# - as few requests as possible are lost, at most four times what the best run loses. Users send 600 a minute. They were already hit for 5 minutes when the pager fired;
# - at most one action on a machine helps nobody;
# - numbers and times in what you tell people are what was measured. They hear which change it was: its commit, or its
#   words in the history. Nobody is named.
#
# **Predict before you begin.** Errors rise, and one machine is down. What will you do first? What would you expect to
# see if you only restarted that machine? Write it down:

# %%
first = "I would …"
if_restarted = "I would expect …"

# %% [markdown] nbgrader={"grade": false, "grade_id": "begin-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. On call
#
# From here the clock runs. The control room above shows the traffic, the clock and the chat, and has a button for each
# action. The cells below are yours; add as many as you like. What you do twice counts twice. If the kernel ends, open the lab again:
# the shift goes on where it was.

# %%
shift.begin()

# %%
shift.chat()

# %%
# your shift: shift.shares(), shift.tell("…"), …

# %% [markdown] nbgrader={"grade": false, "grade_id": "over-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. Over
#
# You said “all clear”, or the two hours are up. End the shift, and look at it beside the best possible run. It is played again for that,
# on a fresh stack, as grading does.

# %%
shift.end()

# %%
shift.debrief()

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. What happened?
#
# Write [debrief.md](debrief.md): when you were paged, from when on users were served again, how many requests were lost, which change it was (its
# commit, or its words), and one thing that would have stopped it, shown it or shortened it. The debrief above has the numbers.
# Keep the words with which its lines begin: `Paged`, `Served again`, `Requests lost`, `Next time`. What is behind them is yours.
#
# Then run the checks. Each has hints: `lab.hint("verify")`. The first check plays your shift again and takes some seconds.

# %% nbgrader={"grade": true, "grade_id": "detect", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("detect")

# %% nbgrader={"grade": true, "grade_id": "mitigate", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("mitigate")

# %% nbgrader={"grade": true, "grade_id": "only-the-bad", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("only-the-bad")

# %% nbgrader={"grade": true, "grade_id": "verify", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("verify")

# %% nbgrader={"grade": true, "grade_id": "lost", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("lost")

# %% nbgrader={"grade": true, "grade_id": "needless", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("needless")

# %% nbgrader={"grade": true, "grade_id": "told", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("told")

# %% nbgrader={"grade": true, "grade_id": "debrief", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("debrief")

# %% [markdown] nbgrader={"grade": false, "grade_id": "again", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. Debrief
#
# - Compare with what you predicted. Where did most of your minutes go? What was on the screen then, and what did you believe?
# - Which of your actions taught you something, and which only passed the time?
# - Support, sales and the director wanted three different things from you. Which sentence of yours served all three?
# - What would have to be there so that nobody needs to be woken for this again?
#
# `shift.again()` begins another shift; the last one counts, and the record before is kept. Now that you know the cause, it is a drill: how
# fast can you be and still count before you say that it is over?
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
