DROP TABLE counters, preferences, invitations, team_members, teams, members, roles, auth_tokens, sessions,
  organisation_logos, user_avatars, users, organisations CASCADE;
DROP PROCEDURE app.tenant_table(text);
DROP FUNCTION app.fold(text);
DROP FUNCTION app.uuid7();
DROP FUNCTION app.org();
