#!/usr/bin/python3
"""kill_at.py JOB FETCHES COMMAND...: starts the command in a process group of its own and kills the whole group with
SIGKILL once the job has delivered so many more pages (by the growth of its records folder), or, for small numbers,
while it is still starting.  Exit status 1 if it ended by itself before."""
import glob
import os
import select
import signal
import subprocess
import sys

job, pages, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
PAGE_BYTES = 12000  # of a record, about: what "so many pages" is measured by


def size():
    total = 0
    for f in glob.glob(job + "/records/*"):
        try:
            total += os.path.getsize(f)
        except OSError:
            pass  # renamed meanwhile
    return total


start = size()
child = subprocess.Popen(command, start_new_session=True)
end = select.poll()
end.register(os.pidfd_open(child.pid), select.POLLIN)
while size() - start < pages * PAGE_BYTES:
    if end.poll(3):
        sys.exit(1)
os.killpg(child.pid, signal.SIGKILL)
child.wait()
