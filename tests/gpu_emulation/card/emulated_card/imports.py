"""Calls a function when a module has been imported."""

import importlib.abc
import sys


class AfterImport(importlib.abc.MetaPathFinder):
    """hooks: module name → function of the module, called once, after its code has run for the first time."""

    def __init__(self, hooks):
        self.hooks, self.searching = dict(hooks), set()

    def find_spec(self, name, path=None, target=None):
        if name not in self.hooks or name in self.searching:
            return None
        self.searching.add(name)
        try:
            found = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
            spec = next((spec for spec in found if spec is not None), None)
        finally:
            self.searching.discard(name)
        if spec is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            if hook := self.hooks.pop(name, None):
                hook(module)

        spec.loader.exec_module = exec_module
        return spec
