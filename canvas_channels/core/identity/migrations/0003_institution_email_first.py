from django.db import migrations, models


class Migration(migrations.Migration):
    """A column with a default of the database's: web processes of the version before go on writing."""

    dependencies = [
        ("identity", "0002_signing_in"),
    ]

    operations = [
        migrations.AlterField(
            model_name="account",
            name="edit_institution_email",
            field=models.BooleanField(
                default=True,
                help_text="Whether an address that the institution imported may be deleted or changed.",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="institution_email_first",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Whether a user's institutional address keeps the first position.",
            ),
        ),
    ]
