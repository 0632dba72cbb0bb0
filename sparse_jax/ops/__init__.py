"""Operations of a network: what the library must know of each."""
