-- Onboarding guide
-- New staff receive a laptop on the first day. Ask the help desk for a badge.
SELECT '番号 KX-1087';
