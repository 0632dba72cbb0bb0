"""A study as version 4 of its schema wrote it."""

import pathlib
import sqlite3

from sparse_jax.study import schema

_COUNTS = ('model_size INTEGER, working_memory INTEGER, '
           'working_memory_weights INTEGER, macs INTEGER')
SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum TEXT);
CREATE TABLE trials (
  number INTEGER PRIMARY KEY, round INTEGER NOT NULL, status TEXT NOT NULL,
  coordinates TEXT NOT NULL, point TEXT NOT NULL, seed INTEGER NOT NULL,
  parent INTEGER, epochs INTEGER NOT NULL, error REAL, float_error REAL,
  {_COUNTS}, unpruned_model_size INTEGER, unpruned_working_memory INTEGER,
  unpruned_working_memory_weights INTEGER, unpruned_macs INTEGER,
  accuracy TEXT, train_seconds REAL, finished TEXT, checksum TEXT,
  flash REAL, ram INTEGER, instructions REAL, latency REAL, energy REAL);
CREATE TABLE curves (
  trial INTEGER NOT NULL REFERENCES trials(number), offset REAL NOT NULL,
  status TEXT NOT NULL, error REAL NOT NULL, {_COUNTS}, checksum TEXT,
  flash REAL, ram INTEGER, instructions REAL, latency REAL, energy REAL,
  PRIMARY KEY (trial, offset));
CREATE TABLE weights (
  trial INTEGER PRIMARY KEY REFERENCES trials(number), npz BLOB NOT NULL,
  checksum TEXT);
CREATE TABLE rounds (
  round INTEGER PRIMARY KEY, trials INTEGER, suggest_seconds REAL,
  compile_seconds REAL, train_seconds REAL, programs INTEGER, hypervolume REAL,
  info TEXT, checksum TEXT);
INSERT INTO meta VALUES
  ('version', '4', '2cde6057b113e21d'), ('data', 'abc', '8db6179eded030f1');
INSERT INTO rounds VALUES
  (0, 2, 2.0, NULL, NULL, NULL, NULL, '{{"stage": 1}}', '026d3b5eef6dc381');
INSERT INTO trials VALUES
  (0, 0, 'ok', '[0.25, 1.0]', '{{"alpha": 0.1}}', 7, NULL, 5, 0.25, NULL, 11, 12, 13,
   14, 21, 22, 23, 24, '[0.5]', 1.5, '2026-01-01 00:00:00', '28abb81ba898c9f4', NULL,
   NULL, NULL, NULL, NULL);
INSERT INTO trials (number, round, status, coordinates, point, seed, parent, epochs,
                    checksum) VALUES
  (1, 0, 'pending', '[0.5, 0.0]', '{{"alpha": 0.1}}', 7, 0, 3, 'bb80c0d25e634540');
INSERT INTO curves VALUES
  (0, -1.0, 'ok', 0.5, 1, 2, 3, 4, 'd869f59c74a8ced4', NULL, NULL, NULL, NULL, NULL);
"""


def write(path: pathlib.Path, npz: bytes) -> None:
    """A study of a finished trial with a point of its curve, and a pending one."""
    db = sqlite3.connect(path)
    db.executescript(SCHEMA)
    values = {'trial': 0, 'npz': npz}
    db.execute('INSERT INTO weights VALUES (0, ?, ?)',
               (npz, schema.checksum('weights', values)))
    db.commit()
    db.close()
