"""Diagnosis of a cluster: are the built rules loaded, and who is notified by their alerts?"""
