"""The protocol of Canvas's REST API: errors, parameters, pagination, rendering. Knows no model."""
