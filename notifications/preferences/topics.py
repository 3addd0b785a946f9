"""What the catalogue's categories are about, in words for people; Canvas's names are for its screens."""

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


def topic_of(category: NotificationCategory) -> str:
    """An operator's own category has its name."""
    return str(TOPICS.get(category.slug, category.name))
