DROP TABLE calendar_uploads, calendar_uids, activity_guests, activity_invitations;
