"""What the OpenAPI document says of the routes beyond what the framework can see.

Routes read their requests themselves, so their parameters and bodies are told here.
"""
