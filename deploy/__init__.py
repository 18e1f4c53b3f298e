"""How a deployment is put together: settings, connections, embedded engines and the demo CRM.

Nothing here knows a metric, a model or a schedule; `orchestration` and `api` import this package, never the reverse.
"""
