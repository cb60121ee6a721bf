"""A plugin of pytest: the tests of papermill and nbclient, with warm kernels in place of others."""

import os
from collections.abc import Iterator
from contextlib import chdir
from typing import Any

import pytest
from nbclient import NotebookClient
from papermill import engines

from insights_lib.warm_kernels.engine import MOST, WarmEngine, _forked, warm_kernels
