"""Numbers that say how good a model is, never without how they were measured."""
