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
# # One address
#
# On Monday the shop moved behind a CDN. Nobody touched the load balancer. Since Monday one machine is busy and the others
# idle, and the team cannot open its own pages any more. You have the balancers' configs, a copy of the whole stack, and
# about 45 minutes.
#
# The shop has two doors to the same four machines. Browsers come in by HAProxy, on `lb`. The app for phones comes in by
# nginx, on `phones`. The CDN stands before both.
#
# **What the shop needs**
#
# - Every machine gets its share: of the people who come through the CDN, of those who come straight, and of a large office
#   that has one address for everybody.
# - Who comes back meets the same machine again: their basket lies in its memory. Browsers keep cookies, phones keep none.
# - The pages under `/staff` open for the team, `198.19.200.9`, whether it comes straight or through the CDN. They open for
#   nobody else.
#
# The CDN has the address `198.19.77.5`. It writes the address that it saw at the end of `X-Forwarded-For`.
#
# **By the end you can** predict where people behind one address land, tell a client from an address, keep people at
# their server without looking at addresses, and take an address from a header without letting anybody forge it.
#
# What is graded are the files `conf/haproxy.cfg` and `conf/nginx.conf` in this folder. Nothing here can hurt anybody: break it, roll it back,
# reset it.
# The module to read: *Who is a client?*, module 2 of the course.

# %% [markdown] nbgrader={"grade": false, "grade_id": "start", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. Start the stack

# %%
from autograder.notebook import open_lab

lab = open_lab("one-address")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "predict", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. Predict before you look
#
# Read [conf/haproxy.cfg](conf/haproxy.cfg): the frontend first, then the pool. 300 requests come from 250 people, all through the
# CDN. What part of them will the busiest server answer? Write down a number before you send anything.
#
# | who sends | you expect of the busiest server |
# | --- | --- |
# | 1,000 people, each from an address of their own | … % |
# | 250 people through the CDN | … % |
# | a large office behind one address | … % |

# %%
lab.send(clients="many")

# %%
lab.send(clients="behind-cdn")

# %%
lab.send(clients="office")

# %% [markdown] nbgrader={"grade": false, "grade_id": "addresses", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# The same config, three spreads. Now look at what HAProxy writes down about its visitors. The first thing in each line is the
# address and the port it saw. How many different addresses do you find?

# %%
print("\n".join(str(lab.logs("lb")).splitlines()[-5:]))

# %% [markdown] nbgrader={"grade": false, "grade_id": "mend", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. Choose what a client is
#
# Three things can keep people at their server. Fill in the table for this shop before you change a line.
#
# | a home that is | sees people behind the CDN? | sees people in an office? | is found again? |
# | --- | --- | --- | --- |
# | computed from the address | | | |
# | computed from the header | | | |
# | kept in the browser, in a cookie | | | |
#
# Then change one thing in [conf/haproxy.cfg](conf/haproxy.cfg), save it, apply it, and send all three populations again.
#
# - `lab.check_syntax()` asks HAProxy about the file, and changes nothing.
# - `lab.apply()` checks the file, reloads HAProxy, and waits until it runs.
# - `lab.roll_back()` loads what ran before. `lab.reset()` starts over.

# %%
lab.apply()

# %%
lab.send(clients="behind-cdn")

# %% [markdown] nbgrader={"grade": false, "grade_id": "stays-look", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# Fair shares alone are easy: `balance roundrobin` has them, and everybody loses their basket. Ask for both at once:

# %% nbgrader={"grade": true, "grade_id": "stays", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("stays")

# %% [markdown] nbgrader={"grade": false, "grade_id": "trust", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. Whose word is an address?
#
# The rule for `/staff` did not change, and the team is locked out. Its requests now come from the CDN's address.
#
# Before you mend it, think as a stranger would. This is all it takes to claim an address:
#
# ```sh
# curl -H 'X-Forwarded-For: 198.19.200.9' http://shop.example/staff/
# ```
#
# 1. Who may name an address, and how does HAProxy know that it is them?
# 2. The header is a list. Who wrote its first entry? Who wrote its last?
# 3. What is the address of somebody who comes straight?

# %% nbgrader={"grade": true, "grade_id": "staff", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("staff")

# %% [markdown] nbgrader={"grade": false, "grade_id": "phones-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. The other door
#
# Phones come in by [conf/nginx.conf](conf/nginx.conf). It chooses by address as well, and it has the same rule for `/staff`.
# A cookie is of no use here: the app keeps none. So the home must be computed, and the address is all there is.
#
# **Predict before you change anything.** Behind the CDN, how many addresses does nginx see? If it knew the address that the
# CDN wrote last, which of the two faults would be mended? And which lines would you not have to touch?
#
# nginx can put a visitor's own address in the place of the CDN's before anything else looks at it. Look up
# `set_real_ip_from` and `real_ip_header`. The first is about trust, the second about a header. `lab.send()` goes through
# HAProxy. Say `through="phones"`, and it goes through nginx.

# %%
lab.send(clients="behind-cdn", through="phones")

# %% nbgrader={"grade": true, "grade_id": "phones", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("phones")

# %% nbgrader={"grade": true, "grade_id": "phones-staff", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("phones-staff")

# %% [markdown] nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. Check the rest
#
# Each check starts a fresh copy of the stack with your file and asks it one question. When you submit, the same
# checks run again, with a few more kinds of visitors.

# %% nbgrader={"grade": true, "grade_id": "starts", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("starts")

# %% nbgrader={"grade": true, "grade_id": "cdn", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("cdn")

# %% nbgrader={"grade": true, "grade_id": "straight", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("straight")

# %% nbgrader={"grade": true, "grade_id": "office", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("office")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 7. Debrief
#
# The line that chose by address was right for years. Then the world around it changed, and no review of the balancer could have
# seen it: there was no change to review.
#
# - Which graph would have shown it within minutes? (How many different addresses came in the last hour?)
# - Which other lines of a config look at addresses? Think of limits, blocked visitors, and the log.
# - Who should hear of a new CDN before it is switched on? Write one line for that checklist.
# - What happens to the baskets when a server dies? The next lab starts there.
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
