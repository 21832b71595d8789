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
# # See it coming
#
# On the first of March a dashboard was open the whole time. *Processor, average of all servers*: flat. Nobody was woken. The
# shop heard of the outage from its customers.
#
# It has Prometheus now. What it needs is rules that ring in time, say where to look, and let people sleep on all other
# nights. Today you write them: [rules.yml](rules.yml), in this folder. You have about 50 minutes.
#
# **By the end you can** write a rule for each server's share, and an alert that names the server; alert on an error budget
# where users are counted; and show on which days your alerts stay silent, and why.
#
# What is graded is `rules.yml`. The config in [conf/haproxy.cfg](conf/haproxy.cfg) is for you to play with. The module to
# read: *See it coming*, module 5 of the course.

# %%
from autograder.notebook import open_lab

lab = open_lab("see-it-coming")
lab

# %% [markdown] nbgrader={"grade": false, "grade_id": "look", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. What does an average see?
#
# Four servers of one size, all of them used to a quarter. **Predict:** put `weight 9` behind the first server in
# `conf/haproxy.cfg`. Of 100 requests, how many will each get? And what will *the average of the four* say?

# %%
lab.predict(app1=25, app2=25, app3=25, app4=25)  # change the numbers to what you expect

# %%
lab.apply()

# %%
lab.send()

# %% [markdown] nbgrader={"grade": false, "grade_id": "series", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# The average has not moved: a quarter of the requests for each, *on average*. Any rule that begins with `avg(…)` over the
# servers is blind to this. Put the config back when you have seen it.
#
# ## 2. What Prometheus knows
#
# It looks every 30 seconds, and evaluates rules as often. A group of rules may have an `interval` of its own, here of a minute
# at most: who looks less often sees it late.
#
# | Series | Labels that matter | What it is |
# | --- | --- | --- |
# | `up` | `job`, `server` | 1 if it could be asked, else 0; `job` is `servers` or `balancer` |
# | `shop_requests_total` | `server`, `status` | answers that a server gave; `status` is `200` or `500` |
# | `shop_busy_workers`, `shop_workers` | `server` | workers that are at work, and how many there are (4) |
# | `shop_waiting_requests` | `server` | requests that wait in a server; when more than 900 do, it dies |
# | `haproxy_backend_http_responses_total` | `code` | what *users* got: `2xx` and `5xx`, also when no server could be reached |
# | `haproxy_server_response_time_average_seconds` | `server` | seconds that a server's last answers took |
# | `haproxy_backend_response_time_average_seconds` | | the same for the pool |
# | `haproxy_server_weight` | `server` | its weight in the balancer's config |
#
# Each has `job` and `instance`, too. A worker needs 200 ms for a page, so a server answers 20 requests a second at most. In
# the daytime it is asked 8. The series of a server that is down *end*; `up` does not.
#
# The servers' names differ from learner to learner, and the recordings you are graded with are others than those you see: no
# rule may know a name or an hour.
#
# ## 3. What the shop wants
#
# | It happens | The alert must ring |
# | --- | --- |
# | one server gets too much | before users see errors, and name the server in a label. The shortest time from the change to the first error is four minutes |
# | one server gets twice its share, which it can bear until the evening | the same |
# | pages fail: at the servers, or because the balancer reaches none | before 2,500 have failed: three per cent of the month's budget, some five minutes |
# | answers get slower, half a second each minute | before they take five seconds |
# | a server is gone, and the others do its work | before the evening is too much for them, in 20 minutes; and name it |
# | all that was mended | no longer than 15 minutes after it |
#
# **And on these days nobody is woken:** each server in turn is away for a minute, for a release. A night with a request a
# minute or none, of which four fail. One slow minute. A canary that gets 10 %, as is meant. 30 requests that fail at once, and
# never again.
#
# Before you write, **decide on paper**: for each row of the first table, which series, over which window, above which number,
# for how long? Which day of the second list comes nearest to it?
#
# ## 4. Write
#
# A rule with `record:` gives an expression a name, so that others can be built on it. A rule with `alert:` rings when its
# expression has any value, for as long as `for:` says.
#
# ```yaml
# groups:
#   - name: shop
#     rules:
#       - record: queue:people:max5m
#         expr: max by (desk) (max_over_time(people_waiting[5m]))
#       - alert: DeskCrowded
#         expr: queue:people:max5m > 20 and on (desk) desk_open == 1
#         for: 2m
#         annotations:
#           summary: "{{ $labels.desk }} has {{ $value }} people waiting"
# ```
#
# Prometheus' own `promtool` first says whether it understands the file. Save it, then:

# %% nbgrader={"grade": true, "grade_id": "accepted", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("accepted")

# %% [markdown] nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. Play the incidents
#
# Each check plays recordings to your rules: 70 minutes of a shop, in a second. It tells when the harm came and when you
# were told. `lab.hint("share")` gives a hint. **Predict** each time: which alert, after how many minutes?

# %% nbgrader={"grade": true, "grade_id": "share", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("share")

# %% [markdown] nbgrader={"grade": false, "grade_id": "live-text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# A recording is only as good as who made it. The next check makes a change on a real stack: HAProxy loads it, requests are
# sent, and every server counts its own. Your rules see the day go on from there. **Predict:** does it ring?

# %% nbgrader={"grade": true, "grade_id": "live", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("live")

# %% nbgrader={"grade": true, "grade_id": "errors", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("errors")

# %% nbgrader={"grade": true, "grade_id": "slow", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("slow")

# %% nbgrader={"grade": true, "grade_id": "gone", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("gone")

# %% [markdown] nbgrader={"grade": false, "grade_id": "calm", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. Let them sleep
#
# **Predict:** on which of the quiet days does your most eager alert ring?

# %% nbgrader={"grade": true, "grade_id": "quiet", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("quiet")

# %% nbgrader={"grade": true, "grade_id": "ends", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("ends")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 7. Debrief
#
# - How many minutes lay between your alert and the first user who felt it? What can somebody do in that time, who was asleep?
# - Halve every threshold. Which day rings first? What would it cost to be woken on it once a week?
# - Two of your alerts may ring for one cause. Which should wake a person, and which should wait until morning?
# - Your alert names a server. Is that where the mistake is? (On the first of March it was in the balancer's config.)
# - Who is told when *Prometheus* is gone?
#
# A good alert is read by somebody who has just been woken. Write its `summary` and a `runbook` for that person.
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
lab.history()
