"""From a job to a trained model: one loop that knows no paper."""
