"""What the catalogue's categories are about, in words for people; Canvas's names are for its screens."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy

from notifications.preferences.models import NotificationCategory

TOPICS: dict[str, Any] = {
    "announcement": gettext_lazy("Announcements"),
    "announcement_created_by_you": gettext_lazy("Announcements of your own"),
    "announcement_reply": gettext_lazy("Replies to announcements"),
    "due_date": gettext_lazy("Due dates"),
    "course_content": gettext_lazy("Changes of course content"),
    "files": gettext_lazy("New files"),
    "grading": gettext_lazy("Grades"),
    "grading_policies": gettext_lazy("Grading policies"),
    "late_grading": gettext_lazy("Late submissions and what needs grading"),
    "all_submissions": gettext_lazy("All submissions"),
    "submission_comment": gettext_lazy("Comments on submissions"),
    "discussion": gettext_lazy("New discussions"),
    "discussionentry": gettext_lazy("Discussion posts"),
    "discussionmention": gettext_lazy("Mentions of you in discussions"),
    "reportedreply": gettext_lazy("Reported replies"),
    "invitation": gettext_lazy("Invitations"),
    "conversation_message": gettext_lazy("Messages in conversations"),
    "added_to_conversation": gettext_lazy("Being added to conversations"),
    "conversation_created": gettext_lazy("Conversations that you begin"),
    "appointment_availability": gettext_lazy("Appointments on offer"),
    "appointment_signups": gettext_lazy("Sign-ups for your appointments"),
    "appointment_cancelations": gettext_lazy("Cancelled appointments"),
    "student_appointment_signups": gettext_lazy("Appointments made for you"),
    "calendar": gettext_lazy("Calendar events"),
    "membership_update": gettext_lazy("Changes of membership"),
    "registration": gettext_lazy("Your account and enrolments"),
    "migration": gettext_lazy("Imports and exports"),
    "blueprint": gettext_lazy("Blueprint courses"),
    "alert": gettext_lazy("Alerts"),
    "recording_ready": gettext_lazy("Recordings"),
    "content_link_error": gettext_lazy("Broken links"),
    "account_notification": gettext_lazy("Notices of the institution"),
    "other": gettext_lazy("Administrative messages"),
}

# The groups of Canvas's own page, in their order; what is in none, as an operator's own, is in the last one.
GROUPS: dict[Any, tuple[str, ...]] = {
    gettext_lazy("Course activities"): (
        *("announcement", "announcement_created_by_you", "announcement_reply", "due_date", "course_content"),
        *("files", "grading", "grading_policies", "late_grading", "all_submissions", "submission_comment"),
        *("invitation", "blueprint"),
    ),
    gettext_lazy("Discussions"): ("discussion", "discussionentry", "discussionmention", "reportedreply"),
    gettext_lazy("Conversations"): ("conversation_message", "added_to_conversation", "conversation_created"),
    gettext_lazy("Scheduling"): (
        *("appointment_availability", "appointment_signups", "appointment_cancelations"),
        *("student_appointment_signups", "calendar"),
    ),
    gettext_lazy("Groups"): ("membership_update",),
    gettext_lazy("Alerts"): ("alert", "content_link_error"),
    gettext_lazy("Conferences"): ("recording_ready",),
    gettext_lazy("The institution"): ("account_notification", "registration", "migration", "other"),
}
_GROUP_OF = {slug: (place, group) for place, (group, slugs) in enumerate(GROUPS.items()) for slug in slugs}
_LAST = (len(GROUPS) - 1, list(GROUPS)[-1])


def in_groups(categories: Iterable[NotificationCategory]) -> list[tuple[str, NotificationCategory]]:
    """Each category behind its group's name, group by group."""
    placed = [(*_GROUP_OF.get(category.slug, _LAST), category) for category in categories]
    placed.sort(key=lambda each: each[0])
    return [(str(group), category) for _, group, category in placed]


def topic_of(category: NotificationCategory) -> str:
    """An operator's own category has its name."""
    return str(TOPICS.get(category.slug, category.name))
