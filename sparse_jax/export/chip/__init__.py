"""Boards, tool chains and their emulation."""
