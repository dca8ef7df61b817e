"""Calls a function when a module has been imported."""

import importlib.abc
import importlib.util


class AfterImport(importlib.abc.MetaPathFinder):
    """hooks: module name → function of the module, called once, after its code has run for the first time."""

    def __init__(self, hooks):
        self.hooks = dict(hooks)

    def find_spec(self, name, path=None, target=None):
        if name not in self.hooks:
            return None
        hook = self.hooks.pop(name)  # while the other finders are asked
        spec = importlib.util.find_spec(name)
        self.hooks[name] = hook
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            if hook := self.hooks.pop(name, None):
                hook(module)

        spec.loader.exec_module = exec_module
        return spec
