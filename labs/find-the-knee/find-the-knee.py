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
# # Find the knee
#
# "The load test was green." It was: ten users, five minutes, no error. On 1 March one machine got everything, and nobody
# knew how much one machine can hold, or how much the pool had to spare. Three promises were made afterwards. One of them:
# load tests that would have shown it, before each release.
#
# Today you work out what a pool holds, find the same number in measurements, see how a test can flatter, and write the
# gate that stops a slower build. You have about 60 minutes, pen and paper, and this pool:
#
# | machine | workers: orders in work at once | an order keeps a worker busy for |
# | --- | --- | --- |
# | app1 | 8 | 100 ms |
# | app2 | 4 | 200 ms |
# | app3 | 2 | 100 ms |
#
# **By the end you can** calculate what machines can do, find the knee in a table, put back what a closed test left out,
# say how many machines are too many, and write a gate that is not fooled by noise.
#
# What is graded are three files in this folder: [conf/haproxy.cfg](conf/haproxy.cfg),
# [answers.json](answers.json) and [gate.py](gate.py). The module to read: *Load tests and capacity*, module 6 of the course.

# %% [markdown] nbgrader={"grade": false, "grade_id": "predict", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 1. Predict first
#
# Open [answers.json](answers.json) and write under `predicted`, without calculating:
#
# - `most a second`: how many orders a second can the whole pool do, at most?
# - `slow in the closed test`: a server freezes for two seconds in the middle of a load test with **one** user, who sends
#   the next request when the last is answered. How many slow answers will that test report?
#
# Save (Ctrl+S). A prediction is never marked wrong.

# %%
from autograder.notebook import open_lab

lab = open_lab("find-the-knee")
lab

# %% nbgrader={"grade": true, "grade_id": "predicted", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("predicted")

# %% [markdown] nbgrader={"grade": false, "grade_id": "weights", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 2. What each machine can hold
#
# > most a second = workers ÷ seconds of work
#
# Do it for the three machines. Then look at what they get: the line above them in
# [conf/haproxy.cfg](conf/haproxy.cfg) has a reason in it. **Predict** the shares before you send.

# %%
lab.predict(app1=33, app2=33, app3=33)  # change the numbers to what you expect

# %%
lab.send()

# %% [markdown] nbgrader={"grade": false, "grade_id": "weights-mend", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# One of them gets twice what it can hold, so the *pool* is full when that one is: long before the others have
# anything to do. Give each machine the weight of what it can do. Then apply, and send again.

# %%
lab.apply()
lab.send()

# %% nbgrader={"grade": true, "grade_id": "spread", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("spread")

# %% nbgrader={"grade": true, "grade_id": "starts", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("starts")

# %% [markdown] nbgrader={"grade": false, "grade_id": "knee", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 3. The knee
#
# With fair weights, this was measured. Every step was held for 120 seconds, people came by chance, and nothing failed.
#
# | asked for, a second | answered, a second | in the pool for, on average | 99 of 100 within |
# | --- | --- | --- | --- |
# | 30 | 29.2 | 116.3 ms | 200 ms |
# | 60 | 59.6 | 120.6 ms | 274 ms |
# | 90 | 89.1 | 141.5 ms | 444 ms |
# | 105 | 104.1 | 179.1 ms | 631 ms |
# | 115 | 113.8 | 280.6 ms | 1,266 ms |
# | 130 | 119.7 | 4,370 ms | 9,020 ms |
# | 150 | 119.9 | 11,642 ms | 23,339 ms |
#
# A colleague was in a hurry, and held one step for five seconds only. The report says "130 a second: no errors, fine".
#
# | asked for, a second | answered, a second | in the pool for, on average | 99 of 100 within |
# | --- | --- | --- | --- |
# | 130, for 5 s | 114.8 | 272.9 ms | 654 ms |
#
# Write under `capacity` in [answers.json](answers.json):
#
# - `app3 alone`: how many orders a second can app3 do?
# - `most a second`: and the whole pool? Calculate it, and find it in the table.
# - `in the pool at 90`: at 90 a second, how many orders are in the pool at a time, on average? Little's law: number =
#   rate × time.
# - `left without app1`: app1 dies. What can the others do together?

# %% nbgrader={"grade": true, "grade_id": "capacity", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("capacity")

# %% [markdown] nbgrader={"grade": false, "grade_id": "flattered", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 4. The test that flatters
#
# Here is a shop with one desk: 6 ms for each visitor, one at a time. Its 100th visitor asks for something that keeps the
# desk busy for two seconds. It runs in this notebook, on this machine only.

# %%
import itertools
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    desk = threading.Lock()

    def do_GET(self):
        with Shop.desk:
            time.sleep(2 if next(Shop.visitors) == 100 else 0.006)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Desk(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a user who leaves before the answer is no news


shop = Desk(("127.0.0.1", 0), Shop)
threading.Thread(target=shop.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{shop.server_address[1]}"
print("the shop is open at", address)

# %% [markdown] nbgrader={"grade": false, "grade_id": "locust", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# And this is [Locust](https://docs.locust.io), a load generator that many teams use. A *locustfile* says what a user does. There
# are two kinds here. Read what they wait for.

# %%
from pathlib import Path

Path("locustfile.py").write_text("""
import random, time
from locust import FastHttpUser, constant, constant_throughput, task

class WhenTheLastIsDone(FastHttpUser):
    wait_time = constant(0)                # the next request when the last is answered

    @task
    def buy(self):
        self.client.get("/")

class EveryTwoSeconds(FastHttpUser):
    wait_time = constant_throughput(0.5)   # one every two seconds, as long as answers take no longer

    def on_start(self):
        time.sleep(2 * random.random())    # they do not come in step

    @task
    def buy(self):
        self.client.get("/")
""")

# %%
import json
import subprocess
import sys


def locust(kind, users, seconds=7):
    """Run Locust without its web page; print what it counted."""
    Shop.visitors = itertools.count(1)
    how = f"--users {users} --spawn-rate 100 --run-time {seconds}s --stop-timeout 3 --host {address}"
    what = ["-f", "locustfile.py", kind, "--headless", "--json", "--skip-log", *how.split()]
    told = subprocess.run([sys.executable, "-m", "locust", *what], capture_output=True, text=True).stdout
    (counted,) = json.loads(told[told.index("[") :])
    times = sorted((float(ms), number) for ms, number in counted["response_times"].items())
    every = [ms for ms, number in times for _ in range(number)]
    slow, most = sum(ms > 500 for ms in every), every[int(0.99 * len(every))]
    print(f"{kind}: {len(every)} requests, {slow} slower than half a second, 99 of 100 within {most:.0f} ms")


# %%
locust("WhenTheLastIsDone", users=1)

# %%
locust("EveryTwoSeconds", users=100)

# %% [markdown] nbgrader={"grade": false, "grade_id": "locust-look", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# The same shop, the same freeze. Compare with your prediction.
#
# Locust's users wait for their answers: every one of them is a closed loop. With *enough* of them, each with a pace of its
# own, the rate holds even while many are stuck. How many are enough, Little's law tells: rate × the longest time.
#
# Now three reports from other teams. All say "50 a second, 10 seconds".
#
# | report | sent | 99 of 100 within | the worst |
# | --- | --- | --- | --- |
# | A | 500 | 1,900 ms | 2,000 ms |
# | B | 310 | 9 ms | 3,900 ms |
# | C | 500 | 12 ms | 40 ms |
#
# And one from a closed loop with one user, 10 seconds long: **700 requests took 10 ms each, one took 3,000 ms.**
# Write under `loops`:
#
# - `never sent`: at the pace before the freeze, how many requests were left out in these three seconds?
# - `slower than a second`: of these, how many would have waited for more than a second? (Nobody waits for others here: when
#   the freeze ends, all are answered at once.)
# - `99th percentile of users`: put them back, so that there are 1,000 in 10 seconds. What is the 99th percentile now, in ms?
# - `report that omits`: `A`, `B` or `C`?
# - `users for 50 a second`: answers may take up to 2 seconds. How many Locust users keep 50 a second going even then?

# %% nbgrader={"grade": true, "grade_id": "loops", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("loops")

# %% [markdown] nbgrader={"grade": false, "grade_id": "too-many", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 5. How many machines are too many?
#
# Somebody says: "Then we buy more." Machines of one kind were added, and the highest rate was measured each time.
# The universal scalability law says what *n* of them do:
#
# > rate of one × n ÷ (1 + σ (n − 1) + κ n (n − 1))
#
# σ is the part that is done one by one, κ the price of talking. **Predict** what 32 machines do. Then fit.

# %%
measured = {1: 50.0, 2: 95.9, 4: 176.1, 8: 292.7, 16: 408.7}  # machines: orders a second

# n × (rate of one) ÷ rate − 1 = σ (n − 1) + κ n (n − 1): a line with two unknowns, fitted by least squares
rows = [(n * measured[1] / rate - 1, n - 1, n * (n - 1)) for n, rate in measured.items() if n > 1]
uu = sum(u * u for _, u, _ in rows)
uv = sum(u * v for _, u, v in rows)
vv = sum(v * v for _, _, v in rows)
yu = sum(y * u for y, u, _ in rows)
yv = sum(y * v for y, _, v in rows)
sigma = (yu * vv - yv * uv) / (uu * vv - uv * uv)
kappa = (yv * uu - yu * uv) / (uu * vv - uv * uv)
print(f"σ = {sigma:.4f}   κ = {kappa:.5f}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "machines-ask", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# Use this cell as your calculator, or paper. Write under `machines`: `sigma`, `kappa`, `best` (with how many machines is the
# rate the highest? the root of (1 − σ) ÷ κ) and `rate with 32`.

# %% nbgrader={"grade": true, "grade_id": "machines", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("machines")

# %% [markdown] nbgrader={"grade": false, "grade_id": "gate", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 6. The gate
#
# Each new build is load tested beside the old one: old, new, old, new, a few seconds each. From each side comes a file:
#
# ```json
# {"build": "3f9a2c1", "loop": "open", "rate": 120.0, "users": null, "seconds": 5,
#  "runs": [{"sent": 600, "failed": 1, "ms": {"mean": 84.9, "50": 80.1, "99": 141.3}}, …]}
# ```
#
# The first run of the new build came right after the first of the old one, and so on. The machine that they ran on has
# other work, too, and moods.
#
# `gate.py` is called with both files, old first: `python3 gate.py old.json new.json`. It ends with
#
# | exit code | meaning | when |
# | --- | --- | --- |
# | 0 | fine | as fast as the old one, or faster; up to 5 % slower is fine, too |
# | 1 | refused | surely slower by 25 % or more, in the middle or for one in a hundred; or at least two in a hundred more fail |
# | 2 | cannot tell | fewer than 10 pairs; fewer than 200 requests in a run; not an open loop on both sides; another rate or other seconds; clearly fewer sent than rate × seconds; a file that is empty, cut off, or without runs |
#
# Between 5 % and 25 % you decide. With 1 and 2 it prints a line that says why, and with 1 that line has a number in it.
#
# The one you were given is a first try. **Predict** which checks it passes. Each check asks it about pairs made by dice:
# here always the same ones, others when it is graded. It runs in a sandbox with Python's standard library, and no network.

# %% nbgrader={"grade": true, "grade_id": "refuses", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("refuses")

# %% nbgrader={"grade": true, "grade_id": "spares", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("spares")

# %% nbgrader={"grade": true, "grade_id": "admits", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("admits")

# %% nbgrader={"grade": true, "grade_id": "says", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
lab.check("says")

# %% [markdown] nbgrader={"grade": false, "grade_id": "debrief", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "markdown"}
# ## 7. Debrief
#
# - The pool does 120 a second. For which peak would you plan it, if app1 may die that day? What would you ask to be bought?
# - With equal weights, at which rate would the first machine have been full? Would a test at 60 a second have shown it?
# - Your team's load test: open or closed? Which of its numbers would change if it were the other?
# - Your gate says "cannot tell". Does the build go out? Who decides that at five on a Friday?
# - A gate is a change to everybody's day. How often will yours be wrong, both ways, in 200 builds a year? Module 6 has the
#   arithmetic.
#
# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*. You may submit again; the last one counts.

# %%
shop.shutdown()
lab.history()
