"""jobs.py - what the simulated services with objects that take their time share.

How a job behaves is said when it is created, by "simulate" in the body of the submit, if that is a JSON object, or by
the header X-Simulate (of a list of objects, in the first). Every service has these, and more of its own:

    "polls": n             over at the n-th time that it is asked about; 0: at once
    "seconds": s           over after this long
                           (neither: not before POST /_control/complete)
    "name": "x"            instead of a generated one
    "faults": [...]        faults (see service.py) for requests about this job

    POST /_control/jobs        a "simulate" object or a list of them, as if they had been submitted
    POST /_control/complete    {"name": ..., and optionally other members of "simulate" than it was created with}
    POST /_control/forget      {"name": ...}: the service does not know it any more
"""
import dataclasses
import time

from exchange import BadRequest, Response, from_object
from service import Service, route


@dataclasses.dataclass
class Simulate:
    polls: int = None
    seconds: float = None
    name: str = None
    faults: list = dataclasses.field(default_factory=list)


class Job:
    def __init__(self, name, how):
        self.name = name
        self.how = how
        self.created = time.monotonic()
        self.polls = 0
        self.completed = False

    @property
    def done(self):
        """Whether it is over by now."""
        return (self.completed or (self.how.polls is not None and self.polls >= self.how.polls) or
                (self.how.seconds is not None and time.monotonic() >= self.created + self.how.seconds))


class JobService(Service):
    """A service with jobs by name. A subclass sets simulate and job, and gives names."""

    simulate = Simulate
    job = Job

    def clear(self):
        self.jobs = {}

    def new_name(self):
        return f"job-{len(self.jobs) + 1}"

    def create(self, value, **known):
        """A job from a "simulate" object; known: what the service itself says of it."""
        how = from_object(self.simulate, {**value, **known} if isinstance(value, dict) else value)
        name = how.name or self.new_name()
        if name in self.jobs:
            raise BadRequest(f"{name} exists")
        self.add_faults(how.faults, name=name)
        job = self.jobs[name] = self.job(name, how)
        return job

    def submitted(self, request, **known):
        """The job that a request creates, which is from now on what the request is about."""
        job = self.create(request.simulate(), **known)
        request.name = job.name
        self.record(request)
        return job

    def known(self, name):
        if name not in self.jobs:
            raise BadRequest(f"no job {name}")
        return self.jobs[name]

    def finish(self, name, **changes):
        job = self.known(name)
        job.how = from_object(self.simulate, {**vars(job.how), **changes})
        job.completed = True
        self.notify()

    def lose(self, name):
        self.known(name)
        del self.jobs[name]
        self.notify()

    @route("control", "POST", "/_control/jobs")
    def on_jobs(self, request):
        values = request.json()
        names = [self.create(value).name for value in (values if isinstance(values, list) else [values])]
        return Response.json({"names": names})

    @route("control", "POST", "/_control/complete")
    def on_complete(self, request):
        self.finish(**request.json())
        return Response.json({})

    @route("control", "POST", "/_control/forget")
    def on_forget(self, request):
        self.lose(**request.json())
        return Response.json({})

    # For tests written in Python; safe from every thread.

    def prepare(self, **simulate):
        """Create a job; its name."""
        return self.call(self.create, simulate).name

    def complete(self, name, **changes):
        """Let it be over now."""
        self.call(self.finish, name, **changes)

    def lost(self, name):
        """Let the service not know it any more."""
        self.call(self.lose, name)
