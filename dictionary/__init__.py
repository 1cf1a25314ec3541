"""Two pages made from the models' YAML: what each metric means, and dbt's docs of all models."""
