"""Load the catalogue: categories with their defaults, and their notifications, by Canvas's own names."""

from typing import Any

from django.db import migrations

CATALOGUE = [
    # category, default frequency, notifications
    ("Announcement", "immediately", ["New Announcement"]),
    ("Announcement Created By You", "never", ["Announcement Created By You"]),
    ("Announcement Reply", "never", ["Announcement Reply"]),
    (
        "Due Date",
        "weekly",
        [
            "Assignment Created",
            "Assignment Due Date Changed",
            "Assignment Due Date Override Changed",
            "Upcoming Assignment Alert",
        ],
    ),
    ("Course Content", "never", ["Assignment Changed", "New Wiki Page", "Updated Wiki Page"]),
    ("Files", "never", ["New File Added", "New Files Added"]),
    (
        "Grading",
        "immediately",
        [
            "Assignment Graded",
            "Assignment Unmuted",
            "Submission Graded",
            "Submission Grade Changed",
            "Quiz Regrade Finished",
        ],
    ),
    ("Grading Policies", "weekly", ["Grade Weight Changed"]),
    (
        "Late Grading",
        "daily",
        ["Assignment Submitted Late", "Group Assignment Submitted Late", "Submission Needs Grading"],
    ),
    ("All Submissions", "never", ["Assignment Submitted", "Assignment Resubmitted"]),
    (
        "Submission Comment",
        "daily",
        [
            "Submission Comment",
            "Submission Comment For Teacher",
            "Annotation Notification",
            "Annotation Teacher Notification",
        ],
    ),
    ("Discussion", "never", ["New Discussion Topic"]),
    ("DiscussionEntry", "daily", ["New Discussion Entry"]),
    (
        "Invitation",
        "immediately",
        [
            "Collaboration Invitation",
            "Web Conference Invitation",
            "Peer Review Invitation",
            "Rubric Assessment Invitation",
            "Rubric Assessment Submission Reminder",
            "New Context Group Membership Invitation",
        ],
    ),
    ("Conversation Message", "immediately", ["Conversation Message"]),
    ("Added To Conversation", "immediately", ["Added To Conversation"]),
    ("Conversation Created", "never", ["Conversation Created"]),
    ("Appointment Availability", "immediately", ["Appointment Group Published", "Appointment Group Updated"]),
    ("Appointment Signups", "immediately", ["Appointment Canceled By User", "Appointment Reserved By User"]),
    (
        "Appointment Cancelations",
        "immediately",
        ["Appointment Deleted For User", "Appointment Group Deleted"],
    ),
    ("Student Appointment Signups", "never", ["Appointment Reserved For User"]),
    ("Calendar", "never", ["Event Date Changed", "New Event Created"]),
    (
        "Membership Update",
        "daily",
        [
            "Enrollment Accepted",
            "Group Membership Accepted",
            "Group Membership Rejected",
            "New Context Group Membership",
            "New Student Organized Group",
        ],
    ),
    (
        "Registration",
        "immediately",
        [
            "Confirm Email Communication Channel",
            "Confirm Registration",
            "Confirm SMS Communication Channel",
            "Enrollment Invitation",
            "Enrollment Notification",
            "Enrollment Registration",
            "Forgot Password",
            "Merge Email Communication Channel",
            "Pseudonym Registration",
            "Pseudonym Registration Done",
        ],
    ),
    (
        "Migration",
        "immediately",
        [
            "Migration Import Finished",
            "Migration Import Failed",
            "Content Export Finished",
            "Content Export Failed",
        ],
    ),
    ("Blueprint", "daily", ["Blueprint Sync Complete", "Blueprint Content Added"]),
    ("Alert", "daily", ["Alert"]),
    ("Recording Ready", "immediately", ["Web Conference Recording Ready"]),
    ("Content Link Error", "daily", ["Content Link Error"]),
    ("Account Notification", "immediately", ["Account Notification"]),
    ("Other", "daily", ["New User", "New Course", "Report Generated", "Report Generation Failed"]),
]


def slug_of(name: str) -> str:
    return name.lower().replace(" ", "_")


def load(apps: Any, schema_editor: object) -> None:
    """Add what is missing; an operator's changes to what is there stay."""
    categories = apps.get_model("notifications", "NotificationCategory").objects
    notifications = apps.get_model("notifications", "Notification").objects
    for position, (category, frequency, names) in enumerate(CATALOGUE, start=1):
        fields = {"name": category, "default_frequency": frequency, "position": position}
        row, _ = categories.get_or_create(slug=slug_of(category), defaults=fields)
        for name in names:
            notifications.get_or_create(slug=slug_of(name), defaults={"name": name, "category": row})


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_preferences")]
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
