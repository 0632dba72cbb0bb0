"""One search over machines that come and go: `ray_executor.RayExecutor`."""
