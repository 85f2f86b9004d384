DROP FUNCTION app.replay_promises(uuid);
