"""What admins do with models: retrain, roll back, watch a shadow and drift."""
