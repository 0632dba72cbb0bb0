"""A study as version 3 of its schema wrote it."""

import json
import pathlib
import sqlite3

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE trials (
  number INTEGER PRIMARY KEY, round INTEGER NOT NULL, status TEXT NOT NULL,
  coordinates TEXT NOT NULL, point TEXT NOT NULL, seed INTEGER NOT NULL,
  parent INTEGER, epochs INTEGER NOT NULL, error REAL, float_error REAL,
  model_size INTEGER, working_memory INTEGER, working_memory_weights INTEGER,
  macs INTEGER,
  flash REAL, ram INTEGER, instructions REAL, latency REAL,
  unpruned_model_size INTEGER, unpruned_working_memory INTEGER,
  unpruned_working_memory_weights INTEGER, unpruned_macs INTEGER,
  accuracy TEXT, train_seconds REAL, finished TEXT);
CREATE TABLE curves (
  trial INTEGER NOT NULL REFERENCES trials(number), offset REAL NOT NULL,
  status TEXT NOT NULL, error REAL NOT NULL,
  model_size INTEGER NOT NULL, working_memory INTEGER NOT NULL,
  working_memory_weights INTEGER NOT NULL, macs INTEGER NOT NULL,
  flash REAL, ram INTEGER, instructions REAL, latency REAL,
  PRIMARY KEY (trial, offset));
CREATE TABLE weights (
  trial INTEGER PRIMARY KEY REFERENCES trials(number), npz BLOB NOT NULL);
CREATE TABLE rounds (
  round INTEGER PRIMARY KEY, suggest_seconds REAL, compile_seconds REAL,
  train_seconds REAL, programs INTEGER, hypervolume REAL, info TEXT);
INSERT INTO meta VALUES ('version', '3'), ('data', 'abc');
"""


def write(path: pathlib.Path, npz: bytes) -> None:
    """A study of a finished trial with a point of its curve, and a pending one."""
    db = sqlite3.connect(path)
    db.executescript(SCHEMA)
    point = json.dumps({'alpha': 0.1})
    db.execute('INSERT INTO trials VALUES (0, 0, "ok", "[0.25, 1.0]", ?, 7, NULL, 5, '
               '0.25, NULL, 11, 12, 13, 14, 100.5, 640, 5000.25, 0.5, 21, 22, 23, 24, '
               '"[0.5]", 1.5, "2026-01-01 00:00:00")', (point,))
    db.execute('INSERT INTO trials (number, round, status, coordinates, point, seed, '
               'parent, epochs) VALUES (1, 0, "pending", "[0.5, 0.0]", ?, 7, 0, 3)',
               (point,))
    db.execute('INSERT INTO curves VALUES (0, -1.0, "ok", 0.5, 1, 2, 3, 4, 50.0, 320, '
               '2000.0, 0.25)')
    db.execute('INSERT INTO weights VALUES (0, ?)', (npz,))
    db.execute('INSERT INTO rounds VALUES (0, 2.0, NULL, NULL, NULL, NULL, '
               '\'{"stage": 1}\')')
    db.commit()
    db.close()
