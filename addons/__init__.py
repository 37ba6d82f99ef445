"""The data plane: mitmproxy addons through which one exchange flows, hook by hook."""
