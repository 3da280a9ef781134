"""Scripts that make the synthetic data sets which memjax ships."""
