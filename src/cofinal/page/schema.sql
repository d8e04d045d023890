-- Everything people do on the page. What is marked is added, never changed: triggers refuse both
-- updates and deletions, so that the table of marks is its own audit trail.
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS targets (
  name TEXT PRIMARY KEY, position INTEGER NOT NULL,
  lowest REAL NOT NULL, highest REAL NOT NULL, step REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS groups (film TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS raters (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, token TEXT NOT NULL UNIQUE,
  seed INTEGER NOT NULL, repeat_share REAL NOT NULL, at TEXT NOT NULL
);
-- The order in which a rater sees films; occasion 2 is the hidden repeat.
CREATE TABLE IF NOT EXISTS tasks (
  rater INTEGER NOT NULL REFERENCES raters, position INTEGER NOT NULL,
  film TEXT NOT NULL, occasion INTEGER NOT NULL,
  PRIMARY KEY (rater, position), UNIQUE (rater, film, occasion)
);
-- An empty mark takes the one before it back.
CREATE TABLE IF NOT EXISTS marks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, rater INTEGER NOT NULL REFERENCES raters,
  film TEXT NOT NULL, occasion INTEGER NOT NULL, target TEXT NOT NULL, mark REAL, at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS marks_of ON marks (rater, film, occasion, target);
-- What happened in a film. A change is a new line of the same number; the last one counts.
CREATE TABLE IF NOT EXISTS moments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER, rater INTEGER NOT NULL REFERENCES raters,
  film TEXT NOT NULL, name TEXT NOT NULL, note TEXT NOT NULL,
  start REAL NOT NULL, "end" REAL, removed INTEGER NOT NULL, at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS moments_of ON moments (film, rater);
CREATE TABLE IF NOT EXISTS comparisons (
  id INTEGER PRIMARY KEY AUTOINCREMENT, rater INTEGER NOT NULL REFERENCES raters,
  "left" TEXT NOT NULL, "right" TEXT NOT NULL,
  better TEXT NOT NULL CHECK (better IN ('left', 'right', 'equal')),
  left_seconds REAL NOT NULL, right_seconds REAL NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, choices TEXT NOT NULL,
  state TEXT NOT NULL, told TEXT NOT NULL, started TEXT NOT NULL, ended TEXT
);
CREATE TRIGGER IF NOT EXISTS marks_stay BEFORE UPDATE ON marks
  BEGIN SELECT RAISE(ABORT, 'marks are never overwritten'); END;
CREATE TRIGGER IF NOT EXISTS marks_remain BEFORE DELETE ON marks
  BEGIN SELECT RAISE(ABORT, 'marks are never deleted'); END;
CREATE TRIGGER IF NOT EXISTS moments_remain BEFORE DELETE ON moments
  BEGIN SELECT RAISE(ABORT, 'moments are never deleted'); END;
CREATE TRIGGER IF NOT EXISTS comparisons_stay BEFORE UPDATE ON comparisons
  BEGIN SELECT RAISE(ABORT, 'comparisons are never overwritten'); END;
CREATE TRIGGER IF NOT EXISTS comparisons_remain BEFORE DELETE ON comparisons
  BEGIN SELECT RAISE(ABORT, 'comparisons are never deleted'); END;
