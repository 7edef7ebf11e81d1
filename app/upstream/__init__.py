"""The only code that knows QuickRouter and fal."""
