"""Parts of the benchmark of the page of videos."""
