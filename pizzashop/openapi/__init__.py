"""The shop's own OpenAPI 3.1 documents: what each role takes and answers, made from the models that check it."""
