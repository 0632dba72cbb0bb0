"""A study in the forms that other tools read: tables, TensorBoard, Optuna."""
