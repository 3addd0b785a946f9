"""``python -m tests.tools.failover long|short``, in namespaces of its own, which ``test_failover`` makes."""

import os
import sys

import django

from tests import ROOT

if __name__ == "__main__":
    os.chdir(ROOT)
    django.setup()
    from tests.tools.failover.rehearsal import PLANS, main

    main(PLANS[sys.argv[1]])
