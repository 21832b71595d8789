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
# # Four eyes
#
# The change of 1 March was merged at 09:50 by the person who wrote it. It was valid, short, and well meant. A second
# pair of eyes might have stopped it. Or might not: it looked like a good idea.
#
# You are those eyes today. Ten changes wait for you, all to the config of one balancer with three equal machines. Some are
# harmless, some do harm that a syntax check cannot see, and some are right or wrong depending on what their authors
# mean. Afterwards you write down what a machine should stop, so that nobody has to be awake for it.
#
# **By the end you can** predict from a diff what a change does to the traffic, say yes, no, or ask, with a reason that
# numbers bear out, and write a policy that stops harm and lets good work through.
#
# What is graded: `answers.json` and `policy.toml` in this folder. Nothing here can hurt anybody.

# %% [markdown] nbgrader={"grade": false, "grade_id": "start", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. Start the stack

# %%
from autograder.notebook import open_lab

lab = open_lab("four-eyes")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "predict", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. Read, and decide before you try
#
# The changes are in the folder [changes](changes). This shows them all:

# %%
for diff in sorted((lab.folder / "changes").glob("*.diff")):
    print(f"=== {diff.stem} ===\n{diff.read_text()}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "decide", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# In [answers.json](answers.json), write for each change a `decision`: `approve`, `reject`, or `ask`. `ask` is for
# what may be right, and only its author knows. What harms users whatever its author means is a `reject`. And a `reason`:
#
# | reason | means |
# | --- | --- |
# | `harmless` | nobody gets less than before |
# | `one-server` | (nearly) everybody is sent to one server |
# | `one-office` | from many places it looks even; everybody behind one address is sent to one server |
# | `dead-server-shows` | even, until a server dies: then clients see it |
# | `until-when` | a server gets less, which may be meant; the change does not say for how long |
#
# Decide for all ten before you go on. First thoughts are worth having in writing.
#
# ## 3. Try those that you are not sure about
#
# Make the change in [conf/nginx.conf](conf/nginx.conf), save, apply, and look. Then take it back. `lab.reset()` puts every
# file back as it was given, your answers too (yours are kept beside, as `….mine`); `lab.roll_back()` only the config.

# %%
lab.apply()

# %%
lab.send(clients="many")

# %%
lab.send(clients="office")

# %%
lab.kill("app2")
lab.send(clients="many", requests=120)

# %%
lab.restart("app2")
lab.roll_back()

# %% [markdown] nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. Compare with the twin
#
# The checks apply each change to a fresh copy of the stack, send traffic, let a server die, and tell what became of it.
# Both errors count: harm that was approved, and good work that was refused.

# %% nbgrader={"grade": true, "grade_id": "decisions", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("decisions")

# %% nbgrader={"grade": true, "grade_id": "reasons", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("reasons")

# %% [markdown] nbgrader={"grade": false, "grade_id": "policy-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. Write the policy
#
# You cannot read every change for ever. In [policy.toml](policy.toml), say what is measured for each change, what is refused,
# and what needs a second person. The comments in the file tell which words there are.
#
# Before you run the check: which of the ten will the policy *as it was given* let through? Which number would have stopped
# the change of 1 March?

# %% nbgrader={"grade": true, "grade_id": "policy", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("policy")

# %% [markdown] nbgrader={"grade": false, "grade_id": "unseen-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# The next check runs your policy on nine changes that you have not seen. You are told what became of them, and not what they are.

# %% nbgrader={"grade": true, "grade_id": "policy-unseen", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("policy-unseen")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. Debrief
#
# - Where did your first thought and the twin differ? What would you look at first next time?
# - Which of the ten would *you* have written on a busy Thursday?
# - Who is slowed down by your policy, and how often? How would you notice that it is too strict?
# - An author is sure that the machine is wrong. What is the way around your policy, and what trace does it leave?
#
# More on this: the course's page *Rules before the merge*, in module 7.
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
