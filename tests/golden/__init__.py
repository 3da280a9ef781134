"""What ``memjax fit`` leaves today, case by case: ``python -m tests.golden write|check [CASE ...]``.

Each case runs commands in a folder of its own and stores a summary of all that they said and wrote in
``files/CASE.json``; ``check`` runs them again and prints what differs. A stored file changes only where the behaviour
of memjax is meant to change, and the commit says so.
"""
