"""Names inside the folder of a study."""

FILE = 'study.sqlite'
"""The database."""
CONFIG_FILE = 'config.json'
"""The locked settings."""
FINISHED = 'finished'
"""Entry of the database: digest of the settings that a search ended with by itself."""
FINALS = 'finals'
"""In the info of a round that is the end of a search: how many trainings it has."""
PLANNED = 'planned'
"""In the meta of a study: the networks that were known before any training."""
