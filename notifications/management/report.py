"""How ``check_push`` and ``check_email`` print what they find."""

from collections import Counter

from django.core.management import BaseCommand, CommandError

from notifications.diagnosis import Findings, Level


class CheckCommand(BaseCommand):
    """Exit status 0: nothing is wrong; 1: something is; 2: the command line is."""

    requires_system_checks = ()  # what is wrong is said by the steps

    def report(self, findings: Findings) -> None:
        """Print each as it comes. Raises ``CommandError`` where anything is wrong."""
        found: Counter[Level] = Counter()
        for finding in findings:
            found[finding.level] += 1
            self.stdout.write(f"{finding.level:8} {finding.step}: {finding.msg}")
            if finding.hint:
                self.stdout.write(f"{'':8}   {finding.hint}")
            self.stdout.flush()
        if found[Level.WRONG]:
            raise CommandError(
                f"{found[Level.WRONG]} wrong, {found[Level.WARNING]} to look at.", returncode=1
            )
        self.stdout.write(f"All is well, {found[Level.WARNING]} to look at.")
