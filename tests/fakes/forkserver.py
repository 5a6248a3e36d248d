"""Processes that share one import of torch and of what a training needs."""

import multiprocessing
from multiprocessing.context import ForkServerContext


def forkserver() -> ForkServerContext:
    """The context; the modules are imported when the first process starts."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["atrous.cli.train", "atrous.cli.demo", "torch._dynamo"])  # SGD imports the last
    return context
