"""The categories that Canvas added since, what may go to devices, and what waits for newer news."""

from typing import Any

from django.db import migrations
from django.db.models import F

PUSH = [
    "Annotation Notification",
    "Annotation Teacher Notification",
    "Announcement Reply",
    "Appointment Canceled By User",
    "Appointment Deleted For User",
    "Appointment Group Deleted",
    "Appointment Group Published",
    "Appointment Group Updated",
    "Assignment Changed",
    "Assignment Created",
    "Assignment Due Date Changed",
    "Assignment Due Date Override Changed",
    "Assignment Unmuted",
    "Collaboration Invitation",
    "Conversation Message",
    "Discussion Mention",
    "Reported Reply",
    "Event Date Changed",
    "New Announcement",
    "New Event Created",
    "Peer Review Invitation",
    "Quiz Regrade Finished",
    "Rubric Assessment Submission Reminder",
    "Submission Comment",
    "Submission Comment For Teacher",
    "Submission Grade Changed",
    "Submission Graded",
    "Submission Needs Grading",
    "Upcoming Assignment Alert",
    "Web Conference Invitation",
    "New Discussion Topic",
    "New Discussion Entry",
]

DELAYS = {  # minutes
    "Submission Graded": 60,
    "Assignment Changed": 30,
    "Assignment Graded": 15,
    "Updated Wiki Page": 15,
    "Event Date Changed": 15,
    "Assignment Due Date Changed": 5,
    "Submission Grade Changed": 5,
    "Grade Weight Changed": 5,
    "Assignment Due Date Override Changed": 2,
    "New File Added": 2,
    "New Files Added": 2,
}

ADDED = [("DiscussionMention", "Discussion Mention"), ("ReportedReply", "Reported Reply")]
AFTER = "discussionentry"


def slug_of(name: str) -> str:
    return name.lower().replace(" ", "_")


def load(apps: Any, schema_editor: object) -> None:
    """Add what is missing; an operator's changes to what is there stay."""
    categories = apps.get_model("notifications", "NotificationCategory").objects
    notifications = apps.get_model("notifications", "Notification").objects
    before = categories.filter(slug=AFTER).first() or categories.order_by("-position").first()
    position = before.position if before else 0
    for category, name in ADDED:
        row = categories.filter(slug=slug_of(category)).first()
        if row is None:
            categories.filter(position__gt=position).update(position=F("position") + 1)
            row = categories.create(
                name=category,
                slug=slug_of(category),
                default_frequency="immediately",
                position=position + 1,
            )
        position = row.position
        notifications.get_or_create(slug=slug_of(name), defaults={"name": name, "category": row})
    notifications.filter(slug__in=map(slug_of, PUSH)).update(push=True)
    for name, minutes in DELAYS.items():
        notifications.filter(slug=slug_of(name)).update(delay_for=minutes)


class Migration(migrations.Migration):
    dependencies = [("notifications", "0005_sending")]
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
