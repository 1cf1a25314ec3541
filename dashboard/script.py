"""The script that Streamlit runs for each reader, again and again."""

from dashboard.navigation import show

show()
