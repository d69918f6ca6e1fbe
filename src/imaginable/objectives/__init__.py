"""Pure per-item functions of tensors, named as in the papers. Callers average over items."""
