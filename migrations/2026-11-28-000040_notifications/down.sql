DROP TABLE reminder_clocks, activity_reminders, follows, notice_settings, notice_choices, notices;
