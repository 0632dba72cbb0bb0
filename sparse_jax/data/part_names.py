"""What people call the parts of a data set."""

PARTS = {'train': ('train', 'training'),
         'val': ('val', 'valid', 'validation', 'dev'),
         'test': ('test', 'testing', 'heldout', 'holdout', 'eval')}
"""Our name of a part: the words that mean it."""


def part_of(word: str) -> str:
    """The part that a word means in any case, '' for none."""
    return next((part for part, words in PARTS.items() if word.lower() in words), '')
